/** Config objects for the tests of routing, with only what a test cares about written down. */
import type { Attachment, HttpMatch, Listener, RouteRule } from '../../config/index.ts';

export function exampleListener(name: string, hostname?: string): Listener {
  return {
    kind: 'Listener',
    key: `infra/gateway/${name}`,
    gateway: 'infra/gateway',
    name,
    addresses: [],
    port: 80,
    protocol: 'HTTP',
    hostname,
  };
}

export interface ExampleRule {
  /** `namespace/name` of the route; `infra/NAME` where there is no slash. */
  route: string;
  index?: number;
  created?: string;
  /** Hostnames on the listener named `http`, or attachments. */
  on?: string[] | Attachment[];
  matches?: ExampleMatch[];
  filters?: RouteRule['filters'];
  backends?: RouteRule['backends'];
  broken?: string;
}

/** A path like `/a` is a prefix, `=/a` exact, `~/a.*` a regular expression; headers and query as `name=value`. */
export interface ExampleMatch {
  path?: string;
  method?: string;
  call?: string;
  headers?: string[];
  query?: string[];
}

export function exampleRule(example: ExampleRule): RouteRule {
  const [namespace, name] = example.route.includes('/') ? example.route.split('/') : ['infra', example.route];
  const index = example.index ?? 0;
  return {
    kind: 'RouteRule',
    key: `HTTPRoute/${namespace}/${name}/${index}`,
    route: { kind: 'HTTPRoute', namespace: namespace!, name: name! },
    index,
    created: example.created ?? '',
    attachments: (example.on ?? ['*']).map((on) =>
      typeof on === 'string' ? { listener: 'infra/gateway/http', hostnames: [on] } : on,
    ),
    matches: (example.matches ?? [{}]).map(exampleMatch),
    filters: example.filters ?? [],
    backends: example.backends ?? [{ backend: `infra/${name}:80`, weight: 1, filters: [] }],
    broken: example.broken,
  };
}

function exampleMatch(match: ExampleMatch): HttpMatch {
  return {
    path: examplePath(match.path ?? '/'),
    method: match.method,
    call: match.call,
    headers: (match.headers ?? []).map(exampleValue),
    query: (match.query ?? []).map(exampleValue),
  };
}

function examplePath(path: string): HttpMatch['path'] {
  if (path.startsWith('=')) return { type: 'Exact', value: path.slice(1) };
  if (path.startsWith('~')) return { type: 'RegularExpression', value: path.slice(1) };
  return { type: 'PathPrefix', value: path };
}

/** `name=value`, or `name~expression`. */
function exampleValue(text: string): HttpMatch['headers'][number] {
  const at = text.search(/[=~]/);
  const type = text[at] === '=' ? 'Exact' : 'RegularExpression';
  return { type, name: text.slice(0, at), value: text.slice(at + 1) };
}
