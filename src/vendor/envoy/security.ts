import type { Authentication } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { ownPolicy } from '../ours.ts';
import { compact } from '../suggest/compact.ts';
import { referenceTo } from '../suggest/target.ts';
import type { VendorKind, VendorPlace } from '../suggest/vendor-kind.ts';
import type { AuthenticationParts } from './authentication-parts.ts';
import { authorization } from './authorization.ts';
import { corsEdits } from './cors.ts';
import { externalOf } from './external-auth.ts';
import { ENVOY_GROUP } from './group.ts';
import { jwtMethods } from './jwt.ts';
import { apiKeyOf, basicOf, oidcOf } from './login.ts';

export const security: VendorKind = {
  group: ENVOY_GROUP,
  kind: 'SecurityPolicy',
  suggest(spec, place) {
    const { namespace, name, targets } = place;
    spec.text('mergeType', { differs: 'what stands nearer is taken setting by setting' });
    const parts: AuthenticationParts = { methods: [], claimsToHeaders: [], objects: [] };
    const asked = authenticationOf(spec, place, parts);
    const access = compact({ ...authorization(spec.object('authorization')), ...csrf(spec.object('csrf')) });
    const edits = corsEdits(spec.object('cors'), place);
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

function authenticationOf(spec: Fields, place: VendorPlace, parts: AuthenticationParts): Authentication | undefined {
  const tokens = jwtMethods(spec.object('jwt'), parts);
  const others = [
    basicOf(spec.object('basicAuth'), place, parts),
    apiKeyOf(spec.object('apiKeyAuth'), parts),
    oidcOf(spec.object('oidc')),
    externalOf(spec.object('extAuth')),
  ].flatMap((one) => one ?? []);
  if (tokens.length > 1 && others.length > 0) {
    spec.refuse(
      'jwt',
      'several providers beside another method cannot be told apart: one policy asks for any of its methods, or for all',
    );
    return undefined;
  }
  const methods = [...tokens, ...others];
  if (methods.length === 0) return undefined;
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
