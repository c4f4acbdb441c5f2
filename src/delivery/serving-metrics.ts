/** What is told of everything that serves, whoever decides what that is. */
import type { ConfigKind } from '../config/index.ts';
import type { FamilySnapshot, MetricsSnapshot } from '../observe/index.ts';
import type { ListenerView } from './listener-view.ts';

export interface Serving {
  ready: boolean;
  /** How many objects of a kind the proxies were told to serve. */
  count(kind: ConfigKind): number;
  listeners: ReadonlyArray<ListenerView>;
}

const KINDS = ['Listener', 'RouteRule', 'Backend', 'Endpoints', 'Certificate'] as const;

export function servingMetrics({ ready, count, listeners }: Serving): MetricsSnapshot {
  return [
    gauge('daemun_ready', 'Whether the first config is applied and no drain has begun.', [
      { labels: {}, value: ready ? 1 : 0 },
    ]),
    gauge(
      'daemun_config_objects',
      'Objects that the data planes were told to serve.',
      KINDS.map((kind) => ({ labels: { kind }, value: count(kind) })),
    ),
    gauge(
      'daemun_listener_ready',
      'Whether the listener serves in every worker.',
      listeners.map(({ key, state }) => ({ labels: { listener: key }, value: state === 'serving' ? 1 : 0 })),
    ),
  ];
}

function gauge(name: string, help: string, series: FamilySnapshot['series']): FamilySnapshot {
  return { name, help, type: 'gauge', series };
}
