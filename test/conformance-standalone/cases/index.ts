import type { Case } from '../case.ts';
import { BACKEND_TLS } from './backend-tls.ts';
import { GATEWAY } from './gateway.ts';
import { GATEWAY_TLS } from './gateway-tls.ts';
import { GRPC } from './grpc.ts';
import { HTTP_ATTACHMENT } from './http-attachment.ts';
import { HTTP_CORS } from './http-cors.ts';
import { HTTP_FILTER } from './http-filter.ts';
import { HTTP_MATCHING } from './http-matching.ts';
import { HTTP_REDIRECT } from './http-redirect.ts';
import { HTTP_TRAFFIC } from './http-traffic.ts';
import { HTTPS } from './https.ts';
import { LISTENER_SET } from './listener-set.ts';
import { PRECEDENCE } from './precedence.ts';
import { STREAM } from './stream.ts';
import { TLS } from './tls.ts';

export const CASES: Case[] = [
  ...HTTP_MATCHING,
  ...HTTP_ATTACHMENT,
  ...HTTP_FILTER,
  ...HTTP_REDIRECT,
  ...HTTP_CORS,
  ...HTTP_TRAFFIC,
  ...HTTPS,
  ...PRECEDENCE,
  ...GRPC,
  ...TLS,
  ...STREAM,
  ...GATEWAY,
  ...GATEWAY_TLS,
  ...BACKEND_TLS,
  ...LISTENER_SET,
];

const FOREIGN = 'files have no status that another controller could write';

/** Tests of the suite's that mean nothing without a cluster, and why. */
export const NOT_APPLICABLE: Record<string, string> = {
  GatewayInvalidParametersRef:
    'standalone runs manifests of other vendors: parameters of theirs are left out with a diagnostic and refuse no Gateway',
  BackendTLSPolicyPreserveForeignStatus: FOREIGN,
  GatewayPreserveForeignConditions: FOREIGN,
  HTTPRoutePreserveForeignStatus: FOREIGN,
  TLSRouteListenerMixedTerminationNotSupported: 'asks what is refused where mixed modes are not supported; they are',
  TLSRouteListenerTerminateNotSupported: 'asks what is refused where mode Terminate is not supported; it is',
};
