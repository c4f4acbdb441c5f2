/** The HTTP API over a running gateway. What it shows is handed in. */
export type { RedactedConfig } from './redact.ts';
export { type Admin, type AdminAddress, type AdminParts, type Readiness, startAdmin } from './server.ts';
