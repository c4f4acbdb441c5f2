/** An embedded Kubernetes API for tests of what talks to one. */
export type { ApiObject } from './api-object.ts';
export { ApiServer, type ApiServerOptions } from './api-server.ts';
export { FAILED, type Fault, type FaultRule, FORBIDDEN, THROTTLED } from './fault.ts';
export { SERVED_KINDS, type ServedKind } from './served-kind.ts';
