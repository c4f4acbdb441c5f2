/** `--acme`: certificates obtained from a real authority (Pebble), by both challenges, kept and renewed. */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { PEBBLE, Pebble } from '../tls/pebble.ts';
import { ask, askAdmin } from './client.ts';
import { freePort, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from './manifest.ts';

const [GATEWAY_CLASS] = GATEWAY.split('---\n');
const HTTP = { name: 'http', port: 80, protocol: 'HTTP' };
const HTTPS = { name: 'https', port: 443, protocol: 'HTTPS' };
const HOST = 'shop.example.com';

/** A machine: an authority that looks at its ports, and a gateway that comes and goes. */
class Machine {
  readonly pebble: Pebble;
  readonly folder = mkdtempSync(join(tmpdir(), 'daemun-acme-'));
  readonly http: number;
  readonly https: number;
  running: ServingProcess | undefined;

  private constructor(pebble: Pebble, ports: { http: number; https: number }) {
    this.pebble = pebble;
    this.http = ports.http;
    this.https = ports.https;
  }

  static async start(life?: number): Promise<Machine> {
    const ports = { http: await freePort(), https: await freePort() };
    const pebble = await Pebble.start({ httpPort: ports.http, tlsPort: ports.https, ...(life ? { life } : {}) });
    pebble.names.records.set(HOST, ['127.0.0.1']);
    return new Machine(pebble, ports);
  }

  async serve(object: object, flags = ['--acme']): Promise<ServingProcess> {
    const others = documents(object, service('cart'), route('shop', { hostname: HOST, backend: 'cart' }));
    const { directory, caFile } = this.pebble;
    const authority = ['--acme-directory', directory, '--acme-ca-file', caFile, '--acme-folder', this.folder];
    this.running = await ServingProcess.start({ 'all.yaml': `${GATEWAY_CLASS}---\n${others}` }, [
      ...['--port-map', `80=${this.http},443=${this.https}`, '--echo-backends', '--acme-email', 'admin@example.com'],
      ...authority,
      ...flags,
    ]);
    return this.running;
  }

  async shown(servername = HOST): Promise<PeerCertificate> {
    const ca = await this.pebble.root();
    const socket = connect({ host: '127.0.0.1', port: this.https, servername, ca });
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerCertificate();
    socket.destroy();
    return certificate;
  }

  /** The only folder below the one that was given. */
  get kept(): string {
    const [authority] = readdirSync(this.folder);
    return join(this.folder, authority!);
  }

  async stop(): Promise<void> {
    await this.running?.stop();
    await this.pebble.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

let machine: Machine | undefined;

afterEach(async () => {
  await machine?.stop();
  machine = undefined;
});

const acme = describe.skipIf(PEBBLE === undefined);

acme('certificates from an authority', () => {
  test('by HTTP-01, though a route takes every path; kept for the owner alone, and used again by the next run', async () => {
    machine = await Machine.start();
    const tls = { certificateRefs: [{ name: 'not-here' }] };
    const object = gateway([HTTP, { ...HTTPS, hostname: HOST, tls }]);
    const running = await machine.serve(object);
    expect(await running.logged('certificate obtained')).toMatchObject({ host: HOST });
    await running.logged('listener serves');
    const { subjectaltname, serialNumber } = await machine.shown();
    expect(subjectaltname).toBe(`DNS:${HOST}`);
    expect((await ask({ port: machine.http, path: '/.well-known/acme-challenge/other' })).body).toContain('"cart"');
    const stored = readFileSync(join(machine.kept, `${HOST}.pem`), 'utf8');
    expect(stored).toMatch(/^-----BEGIN PRIVATE KEY-----[\s\S]*-----BEGIN CERTIFICATE-----/);
    const modes = readdirSync(machine.kept).map((name) => statSync(join(machine!.kept, name)).mode & 0o777);
    expect([modes, statSync(machine.kept).mode & 0o777]).toEqual([[0o600, 0o600], 0o700]);
    const account = readFileSync(join(machine.kept, 'account.key'), 'utf8');
    await running.stop();
    const next = await machine.serve(object);
    // From the first moment on.
    expect(next.listeners.map(({ state }) => state)).toEqual(['serving', 'serving']);
    expect((await machine.shown()).serialNumber).toBe(serialNumber);
    expect(next.records().some(({ msg }) => msg.startsWith('certificate obtained'))).toBe(false);
    expect(readFileSync(join(machine.kept, 'account.key'), 'utf8')).toBe(account);
  });

  test('by TLS-ALPN-01, on a port that was closed for want of a certificate; for the hosts of routes', async () => {
    machine = await Machine.start();
    const running = await machine.serve(gateway([HTTPS]));
    await running.logged('certificate obtained');
    await running.logged('listener serves');
    expect((await machine.shown()).subjectaltname).toBe(`DNS:${HOST}`);
    const { body } = await askAdmin(running.admin, '/status');
    expect(body).not.toContain('InvalidCertificateRef');
  });

  test('a Gateway asks for it, and another says that it wants none', async () => {
    machine = await Machine.start();
    const annotated = (value: string) => {
      const object = gateway([{ ...HTTPS, hostname: HOST }]) as { metadata: object };
      return { ...object, metadata: { ...object.metadata, annotations: { 'daemun.dev/acme': value } } };
    };
    const running = await machine.serve(annotated('true'), []);
    await running.logged('certificate obtained');
    await running.stop();
    const other = await machine.serve(annotated('false'));
    expect((await askAdmin(other.admin, '/status')).body).toContain('names no certificate');
  });

  test('renewed before it expires, without a reload; what fails leaves the good one in service, and says so', async () => {
    machine = await Machine.start(20);
    const running = await machine.serve(gateway([HTTP, { ...HTTPS, hostname: HOST }]));
    await running.logged('certificate obtained');
    await running.logged('listener serves');
    const first = await machine.shown();
    const seen = running.records().length;
    await running.logged('certificate obtained', seen);
    await running.logged(
      'config applied',
      running.records().findIndex(({ msg }, at) => at >= seen && msg === 'certificate obtained'),
    );
    expect((await machine.shown()).serialNumber).not.toBe(first.serialNumber);
    expect(Date.now()).toBeLessThan(Date.parse(first.valid_to));
    // From now on the authority finds nobody under the name.
    machine.pebble.names.records.delete(HOST);
    const second = await machine.shown();
    const failed = await running.logged('certificate not obtained');
    expect(failed).toMatchObject({ host: HOST, failures: 1 });
    expect((await machine.shown()).serialNumber).toBe(second.serialNumber);
    const { body } = await askAdmin(running.admin, '/status');
    expect(body).toMatch(/cannot be obtained: .*; tried again at .*; the one that expires at .* stays in service/);
    expect(body).not.toContain('InvalidCertificateRef');
  }, 60_000);

  test('while there is none, the status says what is wrong and when it is tried again', async () => {
    machine = await Machine.start();
    const running = await machine.serve(gateway([HTTP, { ...HTTPS, port: 8443, hostname: 'nobody.example.com' }]), [
      '--acme',
      '--port-map',
      '8443=0',
    ]);
    await running.logged('certificate not obtained');
    const { body } = await askAdmin(running.admin, '/status');
    expect(body).toMatch(
      /"reason":"InvalidCertificateRef","message":"[^"]*the certificate for nobody.example.com cannot be obtained/,
    );
    expect(body).toMatch(/tried again at \d{4}-/);
  });
});
