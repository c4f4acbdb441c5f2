/** One worker process as it is built, with this process in the place of control. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ProxySetup } from '../../src/cli/proxy-setup.ts';
import { type Ack, type ConfigObject, type Delta, Snapshot } from '../../src/config/index.ts';
import { WorkerFleet } from '../../src/delivery/index.ts';
import { newTicketSecret } from '../../src/value/ticket-secret.ts';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));

export class BuiltWorker {
  readonly #folder: string;
  readonly #fleet: WorkerFleet;
  #config = Snapshot.EMPTY;
  #pid = 0;
  #onAck: (ack: Ack) => void = () => {};

  constructor() {
    this.#folder = builtFolder();
    const entry = pathToFileURL(join(this.#folder, 'dist/cli/worker.js'));
    const setup: ProxySetup = {
      bind: ['127.0.0.1'],
      portMap: [[80, 0]],
      trustedHops: [],
      ticketSecret: newTicketSecret(),
      loopbackNames: 'refused',
      via: false,
      accessLog: 'off',
      shared: false,
    };
    const silent = (): void => {};
    const info = (fields: Readonly<Record<string, unknown>>): void => {
      if (typeof fields.pid === 'number') this.#pid = fields.pid;
    };
    this.#fleet = new WorkerFleet(
      1,
      { entry, setup: () => setup },
      {
        onAck: (ack) => this.#onAck(ack),
        full: () => this.#config.full(),
        log: { info, debug: silent, warn: silent, error: silent },
      },
    );
  }

  /** Resolves when the worker has acknowledged it, with the port where it serves. */
  async apply(upserts: ConfigObject[], removals: ConfigObject[] = []): Promise<{ port: number }> {
    const refs = removals.map(({ kind, key }) => ({ kind, key }));
    const delta: Delta = { version: this.#config.version + 1, upserts, removals: refs };
    this.#config = this.#config.apply(delta);
    const acked = new Promise<Ack>((resolve) => {
      this.#onAck = (ack) => ack.version === delta.version && resolve(ack);
    });
    this.#fleet.send(delta);
    const { listeners, rejected } = await acked;
    if (rejected.length > 0) throw new Error(JSON.stringify(rejected[0]));
    return { port: Number(listeners[0]!.bound[0]!.split(':').at(-1)) };
  }

  /** MiB of the worker that are in memory. */
  resident(): number {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
  }

  async end(): Promise<void> {
    await this.#fleet.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** As `npm run build` makes it, in a folder of its own. */
function builtFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-built-'));
  for (const name of ['src', 'node_modules', 'package.json']) symlinkSync(join(CHECKOUT, name), join(folder, name));
  execFileSync(process.execPath, [join(CHECKOUT, 'build.ts')], { cwd: folder, stdio: 'ignore' });
  return folder;
}
