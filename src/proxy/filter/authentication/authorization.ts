import { fieldHash, type Head } from '../../ground/head.ts';

const AUTHORIZATION = fieldHash('authorization');

/**
 * What an Authorization line says in this scheme (lower case): undefined where none is of it, null where there is more
 * than one line, for gateway and backend might read different ones.
 */
export function authorizationOf(head: Head, scheme: string): string | null | undefined {
  const at = head.find('authorization', AUTHORIZATION);
  if (at < 0) return undefined;
  if (head.find('authorization', AUTHORIZATION, at + 1) >= 0) return null;
  const value = head.value(at);
  if (value.length < scheme.length || value.slice(0, scheme.length).toLowerCase() !== scheme) return undefined;
  const rest = value.slice(scheme.length);
  if (rest === '') return null;
  return rest[0] === ' ' ? rest.trim() : undefined;
}
