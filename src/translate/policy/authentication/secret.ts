/** The Secret that a method refers to. */
import {
  type ConfigMap,
  type CredentialReference,
  KINDS,
  keyOf,
  POLICY_GROUP,
  POLICY_REASON,
  type ResourceByKind,
  type Secret,
} from '../../../api/index.ts';
import { grantHint, permitted, type Referrer } from '../../grants.ts';
import { find } from '../../lookup.ts';
import { absent, type Problem, problem } from '../../verdict/problem.ts';
import type { MethodReading } from './method.ts';

/** Permission is judged before existence, so that nothing is told of what is hidden. */
export function findSecret(reference: CredentialReference, at: MethodReading, field: string): Secret | Problem {
  return findOf('Secret', { reference, at, field });
}

export function findConfigMap(reference: CredentialReference, at: MethodReading, field: string): ConfigMap | Problem {
  return findOf('ConfigMap', { reference: { kind: 'ConfigMap', ...reference }, at, field });
}

export function policyReferrer({ reading }: MethodReading): Referrer {
  return { group: POLICY_GROUP, kind: 'AuthenticationPolicy', namespace: reading.name.namespace };
}

function findOf<K extends 'Secret' | 'ConfigMap'>(
  wanted: K,
  { reference, at, field }: { reference: CredentialReference; at: MethodReading; field: string },
): ResourceByKind[K] | Problem {
  const { group = '', kind = 'Secret', namespace, name } = reference;
  if (group !== KINDS[wanted].group || kind !== wanted) {
    const named = group === '' ? kind : `${group}/${kind}`;
    return problem(POLICY_REASON.InvalidKind, field, `${named} holds no credentials: refer to a ${wanted}`);
  }
  const { look } = at.reading;
  const to = { group, kind, namespace: namespace ?? at.reading.name.namespace, name };
  const from = policyReferrer(at);
  if (!permitted(look, from, to)) {
    const message = `${kind} ${to.namespace}/${name} is in another namespace: ${grantHint(from, to)}`;
    return problem(POLICY_REASON.RefNotPermitted, field, message);
  }
  return find(look, wanted, to) ?? absent(POLICY_REASON.InvalidCredentialRef, field, keyOf(kind, to.namespace, name));
}

/** Key of what a method needs: of its policy and its place there. */
export function credentialKey({ reading, field }: MethodReading): string {
  const { namespace, name } = reading.name;
  return `AuthenticationPolicy/${namespace}/${name}/${field}`;
}

export function plainText(value: string): string {
  return Buffer.from(value, 'base64').toString('utf8');
}
