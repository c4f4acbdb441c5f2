/** What is told of endpoints' health checks. */
import type { FamilySnapshot, MetricsSnapshot, SeriesSnapshot } from '../../observe/index.ts';
import { MAX_ENDPOINT_ROWS } from './backend-families.ts';
import type { Balancer } from './balancer.ts';

export function checkFamilies(balancers: readonly Balancer[]): MetricsSnapshot {
  const checked = balancers.flatMap(({ backend, checks }) =>
    checks === null ? [] : [{ backend: backend.key, checks }],
  );
  const rows: Array<{ labels: { backend: string; endpoint: string }; healthy: boolean; reason: string }> = [];
  for (const { backend, checks } of checked) {
    for (const { endpoint, healthy, reason } of checks.findings()) {
      if (rows.length < MAX_ENDPOINT_ROWS) rows.push({ labels: { backend, endpoint }, healthy, reason });
    }
  }
  const gauge = (name: string, help: string, series: SeriesSnapshot[]): FamilySnapshot => ({
    name,
    help,
    type: 'gauge',
    merge: 'largest',
    series,
  });
  return [
    gauge(
      'daemun_backend_endpoint_healthy',
      'Whether an endpoint passes its health check',
      rows.map(({ labels, healthy }) => ({ labels, value: healthy ? 1 : 0 })),
    ),
    gauge(
      'daemun_backend_endpoint_unhealthy_reason',
      'Endpoints that fail their health check, with what it found last',
      rows.flatMap(({ labels, healthy, reason }) => (healthy ? [] : [{ labels: { ...labels, reason }, value: 1 }])),
    ),
    gauge(
      'daemun_backend_health_panic',
      'Whether so few endpoints of a backend pass their health check that all are used',
      checked.map(({ backend, checks }) => ({ labels: { backend }, value: checks.panics ? 1 : 0 })),
    ),
  ];
}
