/** What is told of backends' endpoints. */
import type { FamilySnapshot, MetricsSnapshot, SeriesSnapshot } from '../../observe/index.ts';
import type { BackendState, EndpointHealth } from '../state/index.ts';

/** Endpoints that have rows of their own, backend by backend; how many have none is told. */
export const MAX_ENDPOINT_ROWS = 5_000;

export function backendFamilies(
  states: ReadonlyMap<string, BackendState>,
  isServed: (backend: string) => boolean,
): MetricsSnapshot {
  const gauge = (name: string, help: string, valueOf: (state: BackendState) => number): FamilySnapshot => ({
    name,
    help,
    type: 'gauge',
    merge: 'largest',
    series: [...states].map(([backend, state]) => ({
      labels: { backend },
      value: isServed(backend) ? valueOf(state) : 0,
    })),
  });
  const evictions = [...states].flatMap(([backend, state]): SeriesSnapshot[] =>
    Object.entries(state.evictions)
      .filter(([, value]) => value > 0)
      .map(([reason, value]) => ({ labels: { backend, reason }, value })),
  );
  const all = [...states]
    .filter(([backend]) => isServed(backend))
    .flatMap(([backend, state]) => [...state.endpoints].map(([endpoint, health]) => ({ backend, endpoint, health })));
  const shown = all.slice(0, MAX_ENDPOINT_ROWS);
  const endpoints = (seriesOf: (health: EndpointHealth) => SeriesSnapshot[]): SeriesSnapshot[] =>
    shown.flatMap(({ backend, endpoint, health }) =>
      seriesOf(health).map(({ labels, value }) => ({ labels: { backend, endpoint, ...labels }, value })),
    );
  return [
    gauge('daemun_backend_endpoints', 'Endpoints of a backend that are known', (state) => state.endpoints.size),
    gauge(
      'daemun_backend_endpoints_evicted',
      'Endpoints of a backend that are passed over, or tried now and then, because they failed',
      (state) => state.evicted,
    ),
    {
      name: 'daemun_backend_evictions_total',
      help: 'How often endpoints of a backend were evicted, by what was seen of them',
      type: 'counter',
      series: evictions,
    },
    {
      name: 'daemun_endpoint_evicted',
      help: 'Whether an endpoint is passed over, or tried now and then, in some worker',
      type: 'gauge',
      merge: 'largest',
      series: endpoints(({ evictedUntil }) => [{ labels: {}, value: evictedUntil === 0 ? 0 : 1 }]),
    },
    {
      name: 'daemun_endpoint_requests_total',
      help: 'Requests that an endpoint answered, or took and did not answer',
      type: 'counter',
      series: endpoints(({ answers, unansweredRequests }) => [
        { labels: { outcome: 'answered' }, value: answers },
        { labels: { outcome: 'unanswered' }, value: unansweredRequests },
      ]),
    },
    {
      name: 'daemun_endpoint_failures_total',
      help: 'What went wrong at an endpoint: no connection, no answer, or an answer with status 500, 502, 503 or 504',
      type: 'counter',
      series: endpoints(({ refusals, unansweredRequests, errorAnswers }) => [
        { labels: { cause: 'connect' }, value: refusals },
        { labels: { cause: 'unanswered' }, value: unansweredRequests },
        { labels: { cause: 'status' }, value: errorAnswers },
      ]),
    },
    {
      name: 'daemun_endpoint_rows_left_out',
      help: 'Endpoints without rows of their own, because there are too many',
      type: 'gauge',
      merge: 'largest',
      series: [{ labels: {}, value: all.length - shown.length }],
    },
  ];
}
