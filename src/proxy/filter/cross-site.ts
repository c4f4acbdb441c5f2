/**
 * Requests that a page of another site has a browser send (CSRF): what may change something must come from where it goes
 * to, or from an origin that may. Browsers say where from in Sec-Fetch-Site, Origin and Referer, which no page can set.
 */
import type { Acting, CrossSiteSettings } from '../../config/index.ts';
import { type Head, nameHash } from '../ground/head.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import { ANSWERED, CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import { AllowedOrigins } from './origin.ts';

/** Methods that change nothing (RFC 9110). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const ORIGIN = nameHash('origin');
const REFERER = nameHash('referer');
const SEC_FETCH_SITE = nameHash('sec-fetch-site');

/** Throws DMN_CONFIG_INVALID for what is no origin. */
export function crossSiteFilters(
  act: Acting<CrossSiteSettings>,
  settings: CrossSiteSettings,
  state: PolicyState,
): CompiledFilter[] {
  return [new CrossSiteFilter(act, settings, state)];
}

class CrossSiteFilter implements CompiledFilter {
  readonly type = 'CrossSite';
  readonly step = 'address-access';
  readonly yields: boolean;
  readonly #settings: CrossSiteSettings;
  readonly #origins: AllowedOrigins;
  readonly #denied: DecisionCounter;

  constructor({ source, holds }: Acting<CrossSiteSettings>, settings: CrossSiteSettings, { counts }: PolicyState) {
    this.yields = holds === 'Default';
    this.#settings = settings;
    this.#origins = new AllowedOrigins(settings.origins);
    this.#denied = counts.counter(source, 'csrf', settings.shadow ? 'would-deny' : 'denied');
  }

  onRequest(scope: FilterScope): Verdict {
    const { head } = scope;
    if (SAFE.has(head.method()) || this.#mayCome(head)) return CONTINUE;
    scope.tell(this.#denied);
    const { shadow, statusCode, body } = this.#settings;
    if (shadow) return CONTINUE;
    const message = 'This may not be sent from another site.';
    scope.deny({ status: statusCode, reason: 'cross_site', message, ...(body ? { body } : {}) });
    return ANSWERED;
  }

  #mayCome(head: Head): boolean {
    const site = one(head, 'sec-fetch-site', SEC_FETCH_SITE);
    if (site === 'same-origin' || site === 'none') return true;
    const origin = one(head, 'origin', ORIGIN);
    if (origin !== undefined) return this.#isAllowed(origin, head);
    if (site !== undefined) return false;
    const referer = one(head, 'referer', REFERER);
    if (referer === undefined) return this.#settings.unknown === 'Allow';
    const from = URL.canParse(referer) ? new URL(referer).origin : 'null';
    return this.#isAllowed(from, head);
  }

  #isAllowed(origin: string, head: Head): boolean {
    return isOwn(origin, head) || this.#origins.allow(origin);
  }
}

/** Of a header that comes once; what comes twice says nothing that can be believed. */
function one(head: Head, name: string, hash: number): string | undefined {
  const at = head.find(name, hash);
  if (at < 0) return undefined;
  return head.find(name, hash, at + 1) < 0 ? head.value(at) : 'null';
}

/** The same host and port; which scheme the client speaks may be known to somebody before us alone. */
function isOwn(origin: string, head: Head): boolean {
  const found = /^(https?):\/\/([^/?#@]+)$/.exec(origin.toLowerCase());
  if (found === null) return false;
  const [, , authority = ''] = found;
  const host = head.hostPort > 0 ? `${head.host()}:${head.hostPort}` : head.host();
  return withoutDefault(authority) === withoutDefault(host);
}

function withoutDefault(authority: string): string {
  return authority.replace(/:(?:80|443)$/, '');
}
