/** What is asked about: a request of HTTP or gRPC, or a connection that is relayed as it is. */
import type { Listener } from '../../config/index.ts';
import type { ListenerView } from '../../delivery/index.ts';
import type { PortMap } from '../port-map.ts';
import type { AskedRequest } from './asked-request.ts';
import type { ExplainFlags } from './explain-flags.ts';
import type { AskedConnection } from './stream-explanation.ts';

export type Question = { kind: 'request'; request: AskedRequest } | { kind: 'connection'; connection: AskedConnection };

/** Where the answer is looked for. */
export interface Place {
  listeners: Iterable<Listener>;
  /** Where they are served; empty where they are not. */
  served: ListenerView[];
  /** Of a run that was not asked: the ports that it binds instead. */
  portMap?: PortMap;
}

type Asked = Pick<ExplainFlags, 'request' | 'header' | 'cookie' | 'clientAddress' | 'bodySize' | 'claim'>;

const CONNECTION = /^(tls|tcp|udp):\/\/(\[[^\]]*\]|[^/:]*)(?::(\d{1,5}))?\/?$/;
const REQUEST = /^(https?|grpcs?):\/\/[^/]+/i;
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** Of `policy/NAME`, with the namespace and the kind before the name or without: the name. */
export function policyAsked(text: string): string | undefined {
  return /^policy\/([a-z0-9.-]+|[a-z0-9-]+\/[a-z0-9.-]+|[A-Za-z]+\/[a-z0-9-]+\/[a-z0-9.-]+)$/.exec(text)?.[1];
}

/** The text is one that `questionOf` takes. */
export function isQuestion(text: string): boolean {
  if (policyAsked(text) !== undefined) return true;
  const connection = CONNECTION.exec(text);
  if (connection !== null) return connection[3] !== undefined || (connection[1] === 'tls' && connection[2] !== '');
  return REQUEST.test(text) && URL.canParse(text);
}

export function questionOf(text: string, asked: Asked, place: Place): Question {
  const connection = CONNECTION.exec(text);
  if (connection === null) return { kind: 'request', request: requestOf(text, asked, place) };
  const [, protocol, host = '', port = '443'] = connection;
  return {
    kind: 'connection',
    connection: {
      protocol: protocol as AskedConnection['protocol'],
      host: bareHost(host),
      port: writtenPort(Number(port), place),
      ...(asked.clientAddress !== undefined && { clientAddress: asked.clientAddress }),
    },
  };
}

function requestOf(text: string, asked: Asked, place: Place): AskedRequest {
  const grpc = /^grpcs?:/i.test(text);
  const url = new URL(grpc ? text.replace(/^grpc/i, 'http') : text);
  const given = asked.header ?? [];
  const cookies = (asked.cookie ?? []).join('; ');
  const headers: AskedRequest['headers'] = [
    ...given.filter(([name]) => name.toLowerCase() !== 'host'),
    ...(cookies === '' ? [] : [['cookie', cookies] as const]),
  ];
  const hostHeader = given.find(([name]) => name.toLowerCase() === 'host')?.[1];
  const host = bareHost(url.hostname);
  const { scheme, port } = grpc ? grpcPlace(text, place) : httpPlace(url, place);
  const request: AskedRequest = {
    method: grpc ? 'POST' : asked.request,
    scheme,
    host: hostHeader?.replace(/:\d+$/, '').toLowerCase() ?? host,
    serverName: scheme === 'https' ? host : '',
    port,
    target: targetOf(text),
    headers,
    ...(asked.clientAddress !== undefined && { peer: asked.clientAddress }),
    ...(asked.bodySize !== undefined && { bodyBytes: asked.bodySize }),
    ...(asked.claim !== undefined && { claims: claimsOf(asked.claim) }),
  };
  if (!grpc) return request;
  return { ...request, headers: [['content-type', 'application/grpc'], ...headers], grpc: true };
}

/** One that is given more than once is a list. */
function claimsOf(given: ReadonlyArray<readonly [string, string]>): Record<string, unknown> {
  const claims: Record<string, string[]> = Object.create(null);
  for (const [name, value] of given) (claims[name] ??= []).push(value);
  return Object.fromEntries(Object.entries(claims).map(([name, all]) => [name, all.length > 1 ? all : all[0]]));
}

type PortAndScheme = Pick<AskedRequest, 'scheme' | 'port'>;

function httpPlace(url: URL, place: Place): PortAndScheme {
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  return { scheme, port: writtenPort(url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port), place) };
}

/** `grpc` says nothing of TLS: the listener of the port does. Without a port it is 80, or 443 where only that is there. */
function grpcPlace(text: string, place: Place): PortAndScheme {
  const known = new Map<number, 'http' | 'https'>();
  for (const { port, protocol } of place.listeners) {
    if (protocol === 'HTTP' || protocol === 'HTTPS') known.set(port, protocol === 'HTTPS' ? 'https' : 'http');
  }
  const secure = /^grpcs:/i.test(text);
  const usual = secure || (!known.has(DEFAULT_PORTS.http) && known.has(DEFAULT_PORTS.https)) ? 'https' : 'http';
  // The port that a URL takes for its scheme's own is not in `port`.
  const typed = /^grpcs?:\/\/(?:[^/@]*@)?(?:\[[^\]]*\]|[^/:?#]*):(\d+)/i.exec(text)?.[1];
  const port = typed === undefined ? DEFAULT_PORTS[usual] : writtenPort(Number(typed), place);
  return { scheme: secure ? 'https' : (known.get(port) ?? usual), port };
}

function bareHost(host: string): string {
  return host.replace(/^\[|\]$/g, '').toLowerCase();
}

/** As typed: the URL parser would resolve dots and encode what a client may send as it is. */
function targetOf(text: string): string {
  const rest = /^(?:https?|grpcs?):\/\/[^/?#]*([^#]*)/i.exec(text)?.[1] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** A running gateway may serve a port under another number, and people paste what their client uses. */
function writtenPort(port: number, { served, portMap = new Map() }: Place): number {
  const listener = served.find(({ bound }) => bound.some((address) => address.endsWith(`:${port}`)));
  const [mapped] = [...portMap].find(([from, to]) => to === port && from !== port) ?? [];
  return listener?.port ?? mapped ?? port;
}
