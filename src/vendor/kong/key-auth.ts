import type { ApiKeyAuthentication, CredentialPlaceEntry, Secret } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { ownSecret } from '../ours.ts';
import { consumerLines, NO_CONSUMERS, secretName } from './consumer.ts';
import type { KongPluginKind, PluginSite } from './plugin.ts';

const KEY_NAMES = ['apikey'];
/** Secrets of one policy. */
const MOST = 16;
/** Characters of a key: a shorter one is guessed. */
const LEAST = 8;

export const keyAuth: KongPluginKind = {
  plugin: 'key-auth',
  guards: true,
  read(config, site) {
    const ours = 'methods[].apiKey.from';
    const names = config.texts('key_names', { ours }) ?? KEY_NAMES;
    const inHeader = config.flag('key_in_header', { ours }) ?? true;
    const inQuery = config.flag('key_in_query', { ours }) ?? true;
    const hides = config.flag('hide_credentials', { ours: 'methods[].apiKey.forwardCredential' }) ?? false;
    config.only('key_in_body', false, 'bodies are not looked through: send the key in a header');
    config.only('run_on_preflight', true, 'preflights that a CORS filter does not answer are asked for a key, too');
    config.lost('anonymous', 'nobody is let in without a key: anonymousPaths of an AuthenticationPolicy names paths');
    config.text('realm', { differs: 'the refusal names no realm' });
    const from = names.flatMap((name): CredentialPlaceEntry[] => [
      ...(inHeader ? [{ header: name }] : []),
      ...(inQuery ? [{ query: name }] : []),
    ]);
    if (from.length === 0) config.refuse('key_in_header', 'a key must stand somewhere: in a header or in the query');
    const secrets = keySecrets(config, site);
    if (secrets.length === 0) config.refuse('plugin', NO_CONSUMERS);
    if (secrets.length > MOST)
      config.refuse('plugin', `a consumer has more than ${MOST} keys: write an AuthenticationPolicy`);
    const apiKey: ApiKeyAuthentication = {
      secretRefs: secrets.map(({ metadata }) => ({ group: '', kind: 'Secret', name: metadata.name })),
      from,
      forwardCredential: !hides,
    };
    const settings = { methods: [{ name: 'key-auth', apiKey }], ...consumerLines('sub') };
    return { policies: { AuthenticationPolicy: settings }, secrets };
  },
};

/** A Secret holds one key of each consumer: a second one of his stands in another. */
function keySecrets(config: Fields, site: PluginSite): Secret[] {
  const sets: Array<Record<string, string>> = [];
  for (const { consumer, data } of site.credentials('key-auth')) {
    const { key = '' } = data;
    if (key.length < LEAST) {
      const why = `the key-auth credential of ${consumer} has no key of ${LEAST} characters at least: it lets nobody in`;
      config.findings.push({ field: config.at('plugin'), fate: 'Differs', why });
      continue;
    }
    const free = sets.find((set) => set[consumer] === undefined);
    if (free === undefined) sets.push({ [consumer]: key });
    else free[consumer] = key;
  }
  return sets.map((set, at) =>
    ownSecret({ namespace: site.namespace, name: secretName(site, at === 0 ? 'keys' : `keys-${at}`) }, set),
  );
}
