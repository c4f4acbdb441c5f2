export { ABUSES, type Abuse, abuseCounts, abuseMetrics } from './abuse.ts';
export { H2ClientConnection, type H2ClientHost } from './client-connection.ts';
export { PREFACE } from './frame.ts';
export { H2Pool } from './pool.ts';
export { H2ServerConnection, type H2ServerHost } from './server-connection.ts';
