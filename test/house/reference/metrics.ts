/** docs/reference/metrics.md, from what a gateway under traffic of every kind tells. */
import assert from 'node:assert';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { ask, askAdmin } from '../../cli/client.ts';
import { ServingProcess } from '../../cli/daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from '../../cli/manifest.ts';
import { isProduct, textOf, treeFiles } from '../tree.ts';

interface Family {
  name: string;
  type: string;
  help: string;
  labels: Set<string>;
  rows: number;
}

/** Families that a short run of one process does not have, by the file that makes them. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  daemun_access_log_dropped_total: 'with `--access-log`',
  daemun_cache_disk_bytes: 'with `--cache-path`: bytes of answers on the disk, of all workers',
  daemun_country_database_built_timestamp_seconds:
    'with `--country-database`: when the database that is in use was made; 0 while none could be read',
  daemun_cache_disk_errors_total:
    'with `--cache-path`, by `operation` (`read`, `write`, `remove`): what the disk failed',
  daemun_cache_disk_files: 'with `--cache-path`: files of answers on the disk, of all workers',
  daemun_cache_disk_reads_total: 'with `--cache-path`, by `result` (`found`, `absent`): what was looked for there',
  daemun_cache_disk_skipped_total:
    'with `--cache-path`, by `why` (`busy`, `unsound`, `unwritten`): what was not done there',
  daemun_cache_disk_usable: 'with `--cache-path`: workers whose disk answers in time and takes what is written',
  daemun_controller_connected: 'of a data plane: whether its controller answers',
  daemun_dataplane_refusals_total: 'of `daemun controller`, by `code`: data planes that were not let in',
  daemun_dataplanes: 'of `daemun controller`, by `gateway`: data planes that are connected',
  daemun_infrastructure_writes_total: 'of `daemun controller`, by `verb` and `kind`: what was applied or deleted',
  daemun_leader: 'of `daemun controller`, and with `--cluster`',
  daemun_snapshot_written_timestamp_seconds: 'of a data plane with `--snapshot`: when that was last written',
  daemun_status_staleness_seconds: 'of `daemun controller`, and with `--cluster`',
  daemun_rival_installations:
    'of `daemun controller`, and with `--cluster`: other installations that take the same classes for theirs, as the leader sees it',
  daemun_status_writes_total: 'of `daemun controller`, and with `--cluster`, by `kind`',
  daemun_acme_failures: 'with `--acme`, by `host`: how often in a row its certificate could not be obtained',
  daemun_acme_orders_total: 'with `--acme`, by `outcome` (`obtained`, `failed`)',
  daemun_worker_restarts_total: 'with `--workers` above 1',
};

/** Labels of families that have no row in a short run in which all goes well. */
const WITHOUT_ROWS: Readonly<Record<string, readonly string[]>> = {
  daemun_acme_failures: ['host'],
  daemun_backend_endpoint_healthy: ['backend', 'endpoint'],
  daemun_backend_endpoint_unhealthy_reason: ['backend', 'endpoint', 'reason'],
  daemun_backend_evictions_total: ['backend', 'reason'],
  daemun_backend_health_checks_total: ['backend', 'outcome'],
  daemun_backend_health_panic: ['backend'],
  daemun_cache_bytes: ['policy'],
  daemun_cache_evictions_total: ['policy'],
  daemun_cache_urls: ['policy'],
  daemun_certificate_expiry_timestamp_seconds: ['certificate'],
  daemun_policy_decisions_total: ['decision', 'policy', 'rule'],
  daemun_rate_limit_evictions_total: ['policy', 'rule'],
  daemun_shared_limit_calls_total: ['outcome', 'store'],
  daemun_shared_limit_store_away: ['store'],
  daemun_shared_sign_out_calls_total: ['outcome', 'store'],
  daemun_shared_sign_out_store_away: ['store'],
  daemun_sign_out_evictions_total: ['policy', 'rule'],
};

export async function metricsPage(): Promise<string> {
  const families = await scrape();
  // Who writes a query must know the labels before there is a row.
  const rowless = families.filter(({ rows }) => rows === 0).map(({ name }) => name);
  assert.deepEqual(rowless, Object.keys(WITHOUT_ROWS).sort());
  const missing = declared().filter((name) => !families.some((family) => family.name === name));
  return `# Metrics

\`GET /metrics\` of the admin address answers in the Prometheus text format: the sum over all workers. \`npm run docs\`
writes this page from a gateway that has served HTTP, TCP and UDP, and a test keeps it true.

\`route\` is \`Kind/namespace/name/rule\`, where the rule is its index; \`backend\` is \`namespace/service:port\`; both are empty
where a request had none. \`listener\` is \`namespace/gateway/listener\`. \`code\` is the status sent to the client, or 0 where
the client left before there was one. Series of routes, backends and listeners that are removed go five
minutes later.

| metric | type | labels | what it counts |
|---|---|---|---|
${families.map(row).join('\n')}

Only in some runs:

${missing.map((name) => `- \`${name}\` ${ELSEWHERE[name] ?? 'NOT DESCRIBED'}`).join('\n')}
`;
}

function row({ name, type, labels, help }: Family): string {
  const names = [...labels, ...(WITHOUT_ROWS[name] ?? [])].sort().map((label) => `\`${label}\``);
  return `| \`${name}\` | ${type} | ${names.join(', ')} | ${help.replace(/\.$/, '')} |`;
}

/** Every family that the code names. */
function declared(): string[] {
  const found = treeFiles()
    .filter(isProduct)
    .flatMap((path) => textOf(path).match(/'daemun_[a-z0-9_]+'/g) ?? []);
  // The beginning of several names is none.
  return [...new Set(found.map((name) => name.slice(1, -1)).filter((name) => !name.endsWith('_')))].sort();
}

async function scrape(): Promise<Family[]> {
  // A UDP session does not end by itself while we wait.
  const flags = ['--port-map', '80=0,9000=0,9001=0', '--echo-backends', '--drain-timeout', '1s'];
  const serving = await ServingProcess.start({ 'all.yaml': manifests() }, flags);
  try {
    await ask({ port: portOf(serving, 'http'), host: 'shop.example.com' });
    await tcpEcho(portOf(serving, 'tcp'));
    await udpEcho(portOf(serving, 'udp'));
    return await settled(serving);
  } finally {
    await serving.stop();
  }
}

function manifests(): string {
  const listeners = [
    { name: 'http', port: 80, protocol: 'HTTP' },
    { name: 'tcp', port: 9000, protocol: 'TCP' },
    { name: 'udp', port: 9001, protocol: 'UDP' },
  ];
  const stream = (kind: string, sectionName: string, backend: string): object => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { name: sectionName, namespace: 'shop' },
    spec: { parentRefs: [{ name: 'edge', sectionName }], rules: [{ backendRefs: [{ name: backend, port: 80 }] }] },
  });
  const udp = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'names', namespace: 'shop' },
    spec: { ports: [{ name: 'udp', port: 80, protocol: 'UDP' }] },
  };
  const [gatewayClass] = GATEWAY.split('---\n');
  const routes = [
    route('shop', { hostname: 'shop.example.com', backend: 'cart' }),
    stream('TCPRoute', 'tcp', 'bytes'),
    stream('UDPRoute', 'udp', 'names'),
  ];
  return `${gatewayClass}---\n${documents(gateway(listeners), service('cart'), service('bytes'), udp, ...routes)}`;
}

function portOf(serving: ServingProcess, name: string): number {
  const listener = serving.listeners.find(({ key }) => key.endsWith(`/${name}`))!;
  return Number(listener.bound[0]!.split(':').at(-1));
}

async function tcpEcho(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.end('hello');
  socket.resume();
  await once(socket, 'close');
}

async function udpEcho(port: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.send('hello', port, '127.0.0.1');
  await once(socket, 'message');
  socket.close();
}

/** The relay counts a stream when it has ended, which may be after its client saw the end. */
async function settled(serving: ServingProcess): Promise<Family[]> {
  for (;;) {
    const { body } = await askAdmin(serving.admin, '/metrics');
    if (body.includes('daemun_stream_ended_total{')) return familiesOf(body);
  }
}

function familiesOf(text: string): Family[] {
  const families = new Map<string, Family>();
  for (const line of text.split('\n')) {
    const [, what, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (what === 'HELP') families.set(name!, { name: name!, type: '', help: rest!, labels: new Set(), rows: 0 });
    else if (what === 'TYPE') families.get(name!)!.type = rest!;
    else noteLabels(line, families);
  }
  return [...families.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function noteLabels(line: string, families: Map<string, Family>): void {
  const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
  if (name === undefined) return;
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))!;
  family.rows++;
  for (const [, label] of labels.matchAll(/(\w+)="/g)) if (label !== 'le') family.labels.add(label!);
}
