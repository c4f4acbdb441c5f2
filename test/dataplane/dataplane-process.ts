/** `daemun dataplane` as a pod runs it, against the controller's end of a rig. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DaemunProcess, type Finished } from '../cli/daemun-process.ts';
import { RIG_TOKEN, type StreamRig } from '../stream-rig.ts';

export class DataPlaneProcess extends DaemunProcess {
  readonly #folder: string;

  private constructor(folder: string, flags: string[]) {
    super(['dataplane', '--log-format', 'json', '--admin', '127.0.0.1:0', '--bind', '127.0.0.1', ...flags]);
    this.#folder = folder;
  }

  /** Starts, and does not wait for it to serve. */
  static begin(rig: Pick<StreamRig, 'access'>, flags: string[] = [], token = RIG_TOKEN): DataPlaneProcess {
    const folder = mkdtempSync(join(tmpdir(), 'daemun-dataplane-'));
    const { address, serverName, ca } = rig.access;
    writeFileSync(join(folder, 'ca.crt'), ca());
    writeFileSync(join(folder, 'token'), `${token}\n`);
    return new DataPlaneProcess(folder, [
      ...['--controller', `https://${address.host}:${address.port}`, '--controller-server-name', serverName],
      ...['--ca', join(folder, 'ca.crt'), '--token', join(folder, 'token')],
      ...flags,
    ]);
  }

  static async start(rig: Pick<StreamRig, 'access'>, flags: string[] = []): Promise<DataPlaneProcess> {
    const begun = DataPlaneProcess.begin(rig, flags);
    await begun.logged('serving');
    return begun;
  }

  rotate(token: string): void {
    writeFileSync(join(this.#folder, 'token'), token);
  }

  #serving(): { listeners: Array<{ state: string; bound: string[] }>; admin: string } {
    const record = this.records().find(({ msg }) => msg === 'serving');
    return record as unknown as { listeners: Array<{ state: string; bound: string[] }>; admin: string };
  }

  get admin(): string {
    return this.#serving().admin;
  }

  get port(): number {
    return Number(this.#serving().listeners[0]!.bound[0]!.split(':').at(-1));
  }

  /** As a pod is ended. */
  terminate(): Promise<Finished> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    return this.finished;
  }

  /** For the end of a test: nothing is waited for. */
  async remove(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGINT');
    await this.finished;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
