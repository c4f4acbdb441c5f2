/** What a filter does to this very request, in words. */
import type { ExternalAuthConfig, Filter, HeaderModifier, PathModifier, RedirectFilter } from '../../config/index.ts';
import type { ExplainedCandidate } from '../../proxy/route/index.ts';
import type { AskedRequest } from './asked-request.ts';
import { externalAuthText } from './external-auth-text.ts';

export interface FilterEffect {
  type: Filter['type'];
  effect: string;
}

export interface FilterPlace {
  request: AskedRequest;
  chosen: ExplainedCandidate;
}

export function filterEffect(filter: Filter, place: FilterPlace): FilterEffect {
  return { type: filter.type, effect: effectOf(filter, place) };
}

export function listenerFilterEffect(filter: ExternalAuthConfig): FilterEffect {
  return { type: filter.type, effect: externalAuthText(filter) };
}

function effectOf(filter: Filter, place: FilterPlace): string {
  switch (filter.type) {
    case 'RequestHeaderModifier':
    case 'ResponseHeaderModifier':
      return headerEffect(filter);
    case 'RequestRedirect':
      return `${filter.statusCode} to ${locationOf(filter, place)}`;
    case 'URLRewrite': {
      const host = filter.hostname ? [`host becomes ${filter.hostname}`] : [];
      const path = filter.path ? [`path becomes ${targetOf(filter.path, place)}`] : [];
      return [...host, ...path].join(', ');
    }
    case 'RequestMirror': {
      const { numerator, denominator } = filter.fraction;
      const share = numerator === denominator ? 'every request' : `${numerator} of ${denominator} requests`;
      return `${share} also to ${filter.backend}`;
    }
    case 'ExternalAuth':
      return externalAuthText(filter);
    case 'DirectAnswer':
      return `answers ${filter.status} itself`;
    case 'CORS':
      return `allows origins ${filter.allowOrigins.join(', ')}; preflight requests are answered here`;
  }
}

function headerEffect({ set, add, remove }: HeaderModifier): string {
  // Values may be credentials towards backends: names are all that is told (config/shown.ts).
  const lines = (verb: string, headers: HeaderModifier['set']) => headers.map(({ name }) => `${verb} ${name}`);
  return [...lines('set', set), ...lines('add', add), ...remove.map((name) => `remove ${name}`)].join(', ');
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** A redirect that changes the scheme goes to that scheme's own port; one that does not keeps the listener's. */
function locationOf(filter: RedirectFilter, place: FilterPlace): string {
  const { request } = place;
  const scheme = filter.scheme ?? request.scheme;
  const port = filter.port ?? (filter.scheme ? DEFAULT_PORTS[filter.scheme] : request.port);
  const host = filter.hostname ?? request.host;
  const target = filter.path ? targetOf(filter.path, place) : request.target;
  return `${scheme}://${host}${port === DEFAULT_PORTS[scheme] ? '' : `:${port}`}${target}`;
}

/** The path as changed, and the query as it was. */
function targetOf(modifier: PathModifier, { request, chosen }: FilterPlace): string {
  const question = request.target.indexOf('?');
  const query = question < 0 ? '' : request.target.slice(question);
  if (modifier.type === 'ReplaceFullPath') return modifier.value + query;
  const path = question < 0 ? request.target : request.target.slice(0, question);
  const prefix = chosen.match.path.value.replace(/\/$/, '');
  const rest = path.slice(prefix.length);
  const replaced = modifier.value.replace(/\/$/, '') + (rest.startsWith('/') || rest === '' ? rest : `/${rest}`);
  return (replaced === '' ? '/' : replaced) + query;
}
