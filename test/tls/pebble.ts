/** Pebble, Let's Encrypt's own test authority: it forgets everything, and looks at ports that a test says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { freePort } from '../cli/daemun-process.ts';
import { type NameServer, startNameServer } from '../protocols/nameserver.ts';
import { goProgram } from '../protocols/tool.ts';
import { Authority } from './authority.ts';

export const PEBBLE = goProgram('github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.3');

export interface PebbleOptions {
  /** Where it looks for answers to challenges. */
  httpPort: number;
  tlsPort: number;
  /** Seconds that its certificates live. */
  life?: number;
}

export class Pebble {
  readonly directory: string;
  /** What its own TLS is verified against. */
  readonly caFile: string;
  readonly names: NameServer;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #management: number;
  readonly #ca: string;

  private constructor(parts: { child: ChildProcess; names: NameServer; folder: string; ports: number[]; ca: string }) {
    this.#child = parts.child;
    this.#folder = parts.folder;
    this.#ca = parts.ca;
    this.#management = parts.ports[1]!;
    this.names = parts.names;
    this.caFile = join(parts.folder, 'ca.pem');
    this.directory = `https://localhost:${parts.ports[0]}/dir`;
  }

  static async start({ httpPort, tlsPort, life = 7_776_000 }: PebbleOptions): Promise<Pebble> {
    const folder = mkdtempSync(join(tmpdir(), 'daemun-pebble-'));
    const names = await startNameServer();
    const ports = [await freePort(), await freePort()];
    const authority = await Authority.make('pebble');
    const own = await authority.sign({ name: 'localhost', dns: ['localhost'] });
    const at = (name: string): string => join(folder, name);
    for (const [name, content] of Object.entries({
      'ca.pem': authority.certificate,
      'cert.pem': own.certificate,
      'key.pem': own.privateKey,
    }))
      writeFileSync(at(name), content);
    const pebble = {
      listenAddress: `127.0.0.1:${ports[0]}`,
      managementListenAddress: `127.0.0.1:${ports[1]}`,
      certificate: at('cert.pem'),
      privateKey: at('key.pem'),
      httpPort,
      tlsPort,
      retryAfter: { authz: 1, order: 1 },
      keyAlgorithm: 'ecdsa',
      profiles: { default: { description: 'the only one', validityPeriod: life } },
    };
    writeFileSync(at('pebble.json'), JSON.stringify({ pebble }));
    const child = spawn(PEBBLE!, ['-config', at('pebble.json'), '-dnsserver', `127.0.0.1:${names.port}`], {
      // Every certificate has its host looked at anew.
      env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_AUTHZREUSE: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stderr!.resume();
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`Pebble ended with ${code}`)));
      child.stdout!.on('data', (text) => String(text).includes('ACME directory available') && resolve());
    });
    return new Pebble({ child, names, folder, ports, ca: authority.certificate });
  }

  /** What its certificates are verified against: made anew at each start. */
  root(): Promise<string> {
    return this.#ask('/roots/0');
  }

  async stop(): Promise<void> {
    if (this.#child.kill('SIGKILL')) await once(this.#child, 'exit');
    await this.names.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #ask(path: string): Promise<string> {
    const call = request({ host: 'localhost', port: this.#management, path, ca: this.#ca });
    call.end();
    const [response] = await once(call, 'response');
    return await text(response);
  }
}
