/** What is told of backends' endpoints. */
import type { FamilySnapshot, MetricsSnapshot, SeriesSnapshot } from '../../observe/index.ts';
import type { BackendState } from '../state/index.ts';

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
  ];
}
