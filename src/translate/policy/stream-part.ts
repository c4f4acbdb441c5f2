/** What a policy comes to where no request is read: on connections of TCP, on TLS that is relayed, on UDP sessions. */
import type { Policy, Stacked } from '../../config/index.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { RouteIdentity } from '../route/attachment.ts';
import type { AttachedPolicy } from './attached-policy.ts';

type TypeOf<T extends Policy['type']> = Extract<Policy, { type: T }>;
/** Types of config policies that act there. */
export type StreamType = 'StreamAccess' | 'StreamLimits';
type StreamSettings<T extends StreamType> = TypeOf<T>['spec'] extends Stacked<infer S> ? S : never;

/** The settings, and what of the policy no connection can be asked. */
export interface StreamPart<T extends StreamType = StreamType> {
  settings: Omit<StreamSettings<T>, 'unknown'>;
  /** Fields that say who may pass, and ask a request: nobody passes where none is read. */
  unknown: string[];
  /**
   * Fields that bound what requests may do. Spread from a Gateway they are for its requests, and connections go on
   * without; a policy that is for connections alone, and says such a thing, lets none in.
   */
  ofRequests: string[];
}

/** Whether a setting that a policy has acts where no request is read, and not on requests. */
export function isStreamType(type: string): type is StreamType {
  return type === 'StreamAccess' || type === 'StreamLimits';
}

export function streamPartOf(settings: object | undefined): StreamPart | undefined {
  const found = Object.entries(settings ?? {}).find(([type]) => isStreamType(type));
  return found?.[1] as StreamPart | undefined;
}

/** `direct`: the policy names these connections, and not only a Gateway that they come in by. */
export function streamSettings({ settings, unknown, ofRequests }: StreamPart, direct: boolean): object | undefined {
  const all = direct ? [...unknown, ...ofRequests] : unknown;
  const lists = Object.values(settings).filter((value) => Array.isArray(value));
  if (all.length === 0 && lists.every((list) => list.length === 0)) return undefined;
  return { ...settings, unknown: all };
}

/** What a policy asks of requests, by any of its halves. */
export function askedOfRequests<S extends object>(
  { settings, overrides }: AttachedPolicy<S>,
  direct: boolean,
): { unknown: string[]; ofRequests: string[] } {
  const parts = [streamPartOf(settings), streamPartOf(overrides)].filter((part) => part !== undefined);
  const ofRequests = parts.flatMap((part) => part.ofRequests);
  const unknown = parts.flatMap((part) => part.unknown);
  return direct ? { unknown: [...unknown, ...ofRequests], ofRequests: [] } : { unknown, ofRequests };
}

/** A listener of which connections or datagrams go on as they are. */
export function isStream({ config }: Pick<ListenerView, 'config'>): boolean {
  return config !== undefined && config.protocol !== 'HTTP' && config.protocol !== 'HTTPS';
}

export function isStreamRoute({ kind }: Pick<RouteIdentity, 'kind'>): boolean {
  return kind === 'TCPRoute' || kind === 'TLSRoute' || kind === 'UDPRoute';
}
