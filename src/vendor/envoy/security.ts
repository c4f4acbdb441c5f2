import type { Authentication } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { NOBODY, ownPolicy } from '../ours.ts';
import { compact } from '../suggest/compact.ts';
import { referenceTo } from '../suggest/target.ts';
import type { VendorKind, VendorPlace } from '../suggest/vendor-kind.ts';
import type { AuthenticationParts } from './authentication-parts.ts';
import { authorization } from './authorization.ts';
import { claimLines } from './claim-line.ts';
import { corsEdits } from './cors.ts';
import { externalOf } from './external-auth.ts';
import { ENVOY_GROUP } from './group.ts';
import { jwtMethods } from './jwt.ts';
import { apiKeyOf, basicOf, oidcOf } from './login.ts';

/** Fields that ask who it is. */
const ASKING = ['jwt', 'basicAuth', 'apiKeyAuth', 'oidc', 'extAuth'] as const;

export const security: VendorKind = {
  group: ENVOY_GROUP,
  kind: 'SecurityPolicy',
  suggest(spec, place) {
    const { namespace, name, targets } = place;
    spec.text('mergeType', { differs: 'what stands nearer is taken setting by setting' });
    const parts: AuthenticationParts = { methods: [], claimsToHeaders: [], objects: [] };
    const isAsked = ASKING.some((one) => spec.has(one));
    const asked = isAsked ? authenticationOf(spec, place, parts) : undefined;
    const allowed = authorization(spec.object('authorization'), claimLines(place));
    const cross = csrf(spec.object('csrf'));
    const edits = corsEdits(spec.object('cors'), place);
    const isOpen = (isAsked && asked === undefined) || mayGuardMore(spec);
    const access = compact({ ...allowed, ...(isOpen ? { allow: NOBODY } : {}), ...cross });
    if (targets.length === 0) return { edits };
    const targetRefs = targets.map(referenceTo);
    const policies = [
      ...(asked === undefined
        ? []
        : [ownPolicy('AuthenticationPolicy', { namespace, name }, { targetRefs, ...asked })]),
      ...(access === undefined ? [] : [ownPolicy('AccessPolicy', { namespace, name }, { targetRefs, ...access })]),
    ];
    return { objects: [...parts.objects, ...policies], edits };
  },
};

/** What nobody knows of those that say who may come, and of the whole, may keep somebody out. */
function mayGuardMore(spec: Fields): boolean {
  // A rule that is not known whole lets nobody in by itself.
  const isRead = spec.isRead() && spec.object('authorization')?.isRead() !== false;
  return !isRead || ASKING.some((name) => spec.object(name)?.isKnown() === false);
}

/** Undefined where something is asked for that cannot be written: without it whoever comes would be let in. */
function authenticationOf(spec: Fields, place: VendorPlace, parts: AuthenticationParts): Authentication | undefined {
  const tokens = jwtMethods(spec.object('jwt'), parts);
  const methods = [
    ...tokens,
    ...[
      basicOf(spec.object('basicAuth'), place, parts),
      apiKeyOf(spec.object('apiKeyAuth'), parts),
      oidcOf(spec.object('oidc')),
      externalOf(spec.object('extAuth')),
    ].flatMap((one) => one ?? []),
  ];
  const asked = ASKING.filter((name) => spec.has(name));
  const written = methods.length - Math.max(tokens.length - 1, 0);
  if (written < asked.length) {
    spec.refuse(asked[0]!, `nobody is let in until all of ${asked.join(', ')} can be written`);
    return undefined;
  }
  if (tokens.length > 1 && methods.length > tokens.length) {
    spec.refuse(
      'jwt',
      'several providers beside another method cannot be told apart: one policy asks for any of its methods, or for all; nobody is let in',
    );
    return undefined;
  }
  const { claimsToHeaders } = parts;
  return {
    methods,
    require: tokens.length > 1 ? 'Any' : 'All',
    ...(claimsToHeaders.length > 0 ? { claimsToHeaders } : {}),
  };
}

function csrf(asked: Fields | undefined): object {
  if (asked === undefined) return {};
  asked.lost('shadowFraction', 'shadow of an AccessPolicy is for all requests');
  const allowedOrigins = asked.texts('additionalOrigins', { ours: 'AccessPolicy csrf.allowedOrigins' });
  return { csrf: { withoutOrigin: 'Deny', ...(allowedOrigins === undefined ? {} : { allowedOrigins }) } };
}
