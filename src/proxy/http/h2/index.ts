export { type Abuse, abuseMetrics } from './abuse.ts';
export type { H2ClientHost } from './client-connection.ts';
export { waitingBodyBytes } from './data-receiver.ts';
export { H2Pool } from './pool.ts';
export { H2ServerConnection, type H2ServerHost } from './server-connection.ts';
export { serverSettings } from './settings.ts';
