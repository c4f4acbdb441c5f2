import type { ApiKeyAuthentication, CredentialPlaceEntry, Secret } from '../../api/index.ts';
import { ownSecret } from '../ours.ts';
import { consumerLines, secretName } from './consumer.ts';
import { type CredentialForm, usableCredentials } from './credential.ts';
import type { KongCredential, KongPluginKind, PluginSite } from './plugin.ts';
import { checkNames, checkPlaces } from './spelling.ts';

const KEY_NAMES = ['apikey'];
/** Secrets of one policy. */
const MOST = 16;
/** Characters of a key: a shorter one is guessed. */
const LEAST = 8;

const FORM: CredentialForm = {
  type: 'key-auth',
  idOf: ({ key = '' }) => key,
  faultOf: ({ key = '' }) => (key.length < LEAST ? `has no key of ${LEAST} characters at least` : undefined),
};

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
    checkNames(config, 'key_names', names);
    checkPlaces(config, 'key_names', from);
    if (from.length === 0) config.refuse('key_in_header', 'a key must stand somewhere: in a header or in the query');
    const usable = usableCredentials(config, site, FORM);
    const secrets = keySecrets(usable, site);
    if (secrets.length > MOST)
      config.refuse(
        'plugin',
        `a consumer has more than ${MOST} keys: give him fewer, or write an AuthenticationPolicy with apiKey.secretSelector`,
      );
    const apiKey: ApiKeyAuthentication = {
      secretRefs: secrets.map(({ metadata }) => ({ group: '', kind: 'Secret', name: metadata.name })),
      from,
      forwardCredential: !hides,
    };
    const lines = consumerLines(config, usable, { claim: 'sub', valueOf: ({ consumer }) => consumer });
    const settings = { methods: [{ name: 'key-auth', apiKey }], ...lines };
    return { policies: { AuthenticationPolicy: settings }, secrets };
  },
};

/** A Secret holds one key of each consumer: a second one of his stands in another. */
function keySecrets(credentials: readonly KongCredential[], site: PluginSite): Secret[] {
  const sets: Array<Map<string, string>> = [];
  for (const { consumer, data } of credentials) {
    const free = sets.find((set) => !set.has(consumer));
    if (free === undefined) sets.push(new Map([[consumer, FORM.idOf(data)]]));
    else free.set(consumer, FORM.idOf(data));
  }
  return sets.map((set, at) =>
    ownSecret(
      { namespace: site.namespace, name: secretName(site, at === 0 ? 'keys' : `keys-${at}`) },
      Object.fromEntries(set),
    ),
  );
}
