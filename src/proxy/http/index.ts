export { DeadlineWheel } from '../ground/deadline.ts';
export { type AskedTarget, askedTarget } from './asked-target.ts';
export { dateLine } from './date-line.ts';
export { abuseMetrics } from './h2/index.ts';
export { reasonPhrase } from './local-reply.ts';
export { httpPool, serveHttp } from './protocol.ts';
export { DEFAULT_LIMITS, type HttpLimits, type HttpService, type Upstreams } from './service.ts';
export { Stats } from './stats.ts';
