/** Credentials of KongConsumers: whom each lets in, or why it lets in nobody. */
import { KONG_CREDENTIAL_LABEL, type KongConsumer, type Secret } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import type { KongLook } from './kong-look.ts';
import type { CredentialType, KongCredential, PluginSite } from './plugin.ts';

/** Of consumers and plugins of the cluster: by which Kong they are read. */
export const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
/** The one that Kong has where nobody gives it another. */
const KONG_CLASS = 'kong';

/** Undefined: it is of no class, or of Kong's own. */
export function otherClass(annotations: Readonly<Record<string, string>> | undefined): string | undefined {
  const name = annotations?.[CLASS_ANNOTATION] ?? '';
  return name === '' || name === KONG_CLASS ? undefined : name;
}

/** All of the namespace that are for this plugin. */
export function credentialsIn(look: KongLook, namespace: string, type: CredentialType): KongCredential[] {
  const consumers = look.consumers(namespace);
  return consumers.flatMap((consumer) => {
    const found = (consumer.credentials ?? []).flatMap((name): Array<KongCredential['data']> => {
      const secret = look.secret({ namespace, name });
      const label = secret?.metadata.labels?.[KONG_CREDENTIAL_LABEL] ?? plain(secret, 'kongCredType');
      if (secret === undefined || label !== type) return [];
      const data = Object.keys(secret.data ?? {}).map((key) => [key, plain(secret, key)!] as const);
      return [Object.fromEntries(data)];
    });
    if (found.length === 0) return [];
    const { username, custom_id: customId } = consumer;
    const names = { ...(username === undefined ? {} : { username }), ...(customId === undefined ? {} : { customId }) };
    const refused = refusalOf(consumer, consumers);
    return found.map((data) => ({
      consumer: consumer.metadata.name,
      ...names,
      data,
      ...(refused === undefined ? {} : { refused }),
    }));
  });
}

function plain(secret: Secret | undefined, key: string): string | undefined {
  const value = secret?.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
}

/** What can stand in a line as it is, and says there who it is. */
const LINE_TEXT = /^(?!\s)[^\p{Cc}]{1,1024}(?<!\s)$/u;

/** Why whoever has a credential of the consumer is nobody. */
function refusalOf({ metadata, username, custom_id: id }: KongConsumer, all: readonly KongConsumer[]) {
  const other = otherClass(metadata.annotations);
  if (other !== undefined) {
    return `is of the ingress class ${other}, and not of ${KONG_CLASS}: take the annotation ${CLASS_ANNOTATION} away if he is to be let in here`;
  }
  if (username === undefined && id === undefined) return 'has neither username nor custom_id: write one';
  for (const [field, text] of Object.entries({ username, custom_id: id })) {
    if (text !== undefined && !LINE_TEXT.test(text)) {
      return `has a ${field} that no header line can hold: write 1 to 1024 characters without control characters, and without blanks at the ends`;
    }
  }
  const own = all.filter(
    (one) => one.metadata.name !== metadata.name && otherClass(one.metadata.annotations) === undefined,
  );
  const twin = own.find(
    (one) => (username !== undefined && one.username === username) || (id !== undefined && one.custom_id === id),
  );
  return (
    twin && `has the username or custom_id of KongConsumer ${twin.metadata.name}: backends could not tell them apart`
  );
}

export interface CredentialForm {
  type: CredentialType;
  /** What clients say it by: two of one name are nobody's. */
  idOf(data: KongCredential['data']): string;
  /** What is wrong with it by itself; nothing of what it holds is told. */
  faultOf(data: KongCredential['data']): string | undefined;
}

/** Those by which somebody is let in. One that cannot be used lets in nobody, is told, and hurts no other. */
export function usableCredentials(config: Fields, site: PluginSite, form: CredentialForm): KongCredential[] {
  const all = site.credentials(form.type);
  const times = new Map<string, number>();
  for (const { data } of all) times.set(form.idOf(data), (times.get(form.idOf(data)) ?? 0) + 1);
  const usable = all.filter((one) => {
    const { consumer, data, refused } = one;
    const fault = form.faultOf(data) ?? (times.get(form.idOf(data))! > 1 ? TWICE : undefined);
    if (refused === undefined && fault === undefined) return true;
    const why =
      refused === undefined
        ? `the ${form.type} credential of ${consumer} ${fault}`
        : `KongConsumer ${consumer} ${refused}`;
    config.findings.push({ field: config.at('plugin'), fate: 'Differs', why: `${why}: it lets nobody in` });
    return false;
  });
  if (usable.length === 0) config.refuse('plugin', NO_CONSUMERS);
  return usable;
}

const TWICE = 'is what another credential is, too, so that nobody could say whose it is';

/** What is missing where a plugin asks for credentials that nobody has. */
const NO_CONSUMERS =
  'no KongConsumer of this namespace has a Secret for it that can be used (label konghq.com/credential): nobody is let in; ' +
  'write an AuthenticationPolicy, or the consumers';
