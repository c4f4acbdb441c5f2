/** The Secret that a method refers to. */
import {
  type CredentialReference,
  KINDS,
  keyOf,
  POLICY_GROUP,
  POLICY_REASON,
  type Secret,
} from '../../../api/index.ts';
import { grantHint, permitted } from '../../grants.ts';
import { find } from '../../lookup.ts';
import { absent, type Problem, problem } from '../../verdict/problem.ts';
import type { MethodReading } from './method.ts';

/** Permission is judged before existence, so that nothing is told of what is hidden. */
export function findSecret(
  { group = '', kind = 'Secret', namespace, name }: CredentialReference,
  { reading }: MethodReading,
  field: string,
): Secret | Problem {
  if (group !== KINDS.Secret.group || kind !== 'Secret') {
    const named = group === '' ? kind : `${group}/${kind}`;
    return problem(POLICY_REASON.InvalidKind, field, `${named} holds no credentials: refer to a Secret`);
  }
  const { look } = reading;
  const to = { group, kind, namespace: namespace ?? reading.name.namespace, name };
  const from = { group: POLICY_GROUP, kind: 'AuthenticationPolicy', namespace: reading.name.namespace };
  if (!permitted(look, from, to)) {
    const message = `Secret ${to.namespace}/${name} is in another namespace: ${grantHint(from, to)}`;
    return problem(POLICY_REASON.RefNotPermitted, field, message);
  }
  return (
    find(look, 'Secret', to) ?? absent(POLICY_REASON.InvalidCredentialRef, field, keyOf('Secret', to.namespace, name))
  );
}

/** Key of what a method needs: of its policy and its place there. */
export function credentialKey({ reading, field }: MethodReading): string {
  const { namespace, name } = reading.name;
  return `AuthenticationPolicy/${namespace}/${name}/${field}`;
}

export function plainText(value: string): string {
  return Buffer.from(value, 'base64').toString('utf8');
}
