/** What `/metrics` tells of the run itself, and what Prometheus' own linter says of all of it. */
import { expect, test } from 'vitest';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import { findTool, run } from '../protocols/tool.ts';
import { ask, askAdmin } from './client.ts';
import { ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from './manifest.ts';

const [CLASS] = GATEWAY.split('---\n');
const LISTENERS = [
  { name: 'http', port: 80, protocol: 'HTTP' },
  { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'cert' }] } },
];
const ROUTES = documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }));

test('process, build, certificates, endpoints and the event loop; promtool finds nothing', async () => {
  const secret = tlsSecret({ namespace: 'shop', name: 'cert' }, await demoCertificate(['*.example.com']));
  const files = { 'all.yaml': `${CLASS}---\n${documents(gateway(LISTENERS))}---\n${ROUTES}`, 'secret.json': secret };
  const serving = await ServingProcess.start(files, ['--port-map', '80=0,443=0', '--echo-backends']);
  try {
    await ask({ port: serving.port });
    const { body } = await askAdmin(serving.admin, '/metrics');
    const value = (series: RegExp): number => Number(new RegExp(`^${series.source} (\\S+)$`, 'm').exec(body)?.[1]);
    expect(value(/daemun_build_info\{node="[\d.]+",version="\d+\.\d+\.\d+"\}/)).toBe(1);
    expect(value(/process_cpu_seconds_total/)).toBeGreaterThan(0);
    // Control and one worker.
    expect(value(/process_resident_memory_bytes/)).toBeGreaterThan(60e6);
    expect(value(/process_open_fds/)).toBeGreaterThan(20);
    expect(Math.abs(value(/process_start_time_seconds/) - Date.now() / 1000)).toBeLessThan(60);
    expect(value(/daemun_certificate_expiry_timestamp_seconds\{certificate="shop\/cert"\}/)).toBeGreaterThan(
      Date.now() / 1000,
    );
    expect(value(/daemun_event_loop_delay_max_seconds/)).toBeLessThan(60);
    expect(value(/daemun_processor_wait_seconds_total/)).toBeGreaterThan(0);
    const endpoint = 'backend="shop/cart:80",endpoint="127\\.0\\.0\\.1:\\d+"';
    expect(value(new RegExp(`daemun_endpoint_evicted\\{${endpoint}\\}`))).toBe(0);
    expect(value(new RegExp(`daemun_endpoint_requests_total\\{${endpoint},outcome="answered"\\}`))).toBe(1);
    const promtool = findTool('promtool', 'prometheus');
    if (promtool === undefined) return;
    expect(await run(promtool, ['check', 'metrics'], { input: body })).toEqual({ code: 0, stdout: '', stderr: '' });
  } finally {
    await serving.stop();
  }
});
