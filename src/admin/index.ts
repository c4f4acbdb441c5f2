/** The HTTP API over a running gateway. What it shows is handed in. */

export type { AdminParts, Readiness } from './parts.ts';
export type { RedactedConfig } from './redact.ts';
export { type Admin, type AdminAddress, startAdmin } from './server.ts';
