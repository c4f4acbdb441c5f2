/** Every kind of NGINX Gateway Fabric: a new one has its line here. */
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { authenticationFilter } from './authentication-filter.ts';
import { clientSettings } from './client-settings.ts';
import { INFRASTRUCTURE } from './infrastructure.ts';
import { observability } from './observability.ts';
import { proxySettings } from './proxy-settings.ts';
import { rateLimit } from './rate-limit.ts';
import { SNIPPETS } from './snippets.ts';
import { upstreamSettings } from './upstream-settings.ts';

export const NGINX_KINDS: readonly VendorKind[] = [
  clientSettings,
  upstreamSettings,
  proxySettings,
  rateLimit,
  authenticationFilter,
  observability,
  ...SNIPPETS,
  ...INFRASTRUCTURE,
];
