/** KongConsumers: what backends are told of who asks. */
import type { Authentication } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import type { KongCredential, PluginSite } from './plugin.ts';

/** Names that a policy's claimsToHeaders tells apart by (`values`). */
const MOST = 1_000;

type Lines = NonNullable<Authentication['claimsToHeaders']>;

export interface ConsumerClaim {
  /** What names the credential, and is no client's to say. */
  claim: 'sub' | 'iss';
  valueOf(credential: KongCredential): string;
}

/** The lines by which Kong tells backends who asks. All are always written here: nobody else may. */
export function consumerLines(
  config: Fields,
  credentials: readonly KongCredential[],
  { claim, valueOf }: ConsumerClaim,
): { claimsToHeaders: Lines } {
  let most = 0;
  const line = (name: string, textOf: (credential: KongCredential) => string | undefined): Lines[number] => {
    // What all are called by themselves needs no table.
    if (credentials.every((one) => textOf(one) === valueOf(one))) return { name, claim };
    const texts = credentials.map((one) => [valueOf(one), textOf(one)] as const);
    const values = Object.fromEntries(texts.flatMap(([value, text]) => (text === undefined ? [] : [[value, text]])));
    most = Math.max(most, Object.keys(values).length);
    return { name, claim, values };
  };
  const claimsToHeaders = [
    line('X-Consumer-Username', ({ username }) => username),
    line('X-Consumer-ID', ({ consumer }) => consumer),
    line('X-Consumer-Custom-ID', ({ customId }) => customId),
    { name: 'X-Credential-Identifier', claim },
  ];
  if (most > MOST) config.refuse('plugin', TOO_MANY);
  return { claimsToHeaders };
}

const TOO_MANY = `more than ${MOST} consumers have a credential for it and are called otherwise than by it: write an AuthenticationPolicy, whose claimsToHeaders names them as their credentials do, or call the KongConsumers as their credentials are`;

export function secretName({ name }: PluginSite, what: string): string {
  return `${name}-${what}`;
}
