/** KongConsumers: who has which credentials. */
import type { Authentication } from '../../api/index.ts';
import type { PluginSite } from './plugin.ts';

/** What is missing where a plugin asks for credentials that nobody has. */
export const NO_CONSUMERS =
  'no KongConsumer of this namespace has a Secret for it (label konghq.com/credential): nobody is let in; ' +
  'write an AuthenticationPolicy, or the consumers';

/** Lines by which Kong tells backends who asks. All are always written here: nobody else may. */
const LINES = ['X-Consumer-Username', 'X-Consumer-ID', 'X-Consumer-Custom-ID', 'X-Credential-Identifier'];

/** `claim`: what names the credential, and is no client's to say. */
export function consumerLines(claim: 'sub' | 'iss'): Pick<Authentication, 'claimsToHeaders'> {
  return { claimsToHeaders: LINES.map((name) => ({ name, claim })) };
}

export function secretName({ name }: PluginSite, what: string): string {
  return `${name}-${what}`;
}
