/** A machine of a reader's own: a network with a loopback and nothing on it, an empty folder, and `daemun` to be called. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RunningProgram } from '../cli/daemun-process.ts';
import { inNetwork, joinNetwork } from '../cli/network-namespace.ts';
import { type Run, run } from '../protocols/tool.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A command that goes on until Ctrl-C; and one that serves in the background. */
const SERVES = /^daemun (run|proxy|demo)\b(?!.*--(print|help))/;
const BACKGROUND = / &$/;

interface Serving {
  line: string;
  program: RunningProgram;
}

export class Machine {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #network: ChildProcess;
  readonly #background: RunningProgram[] = [];
  #serving: Serving | undefined;

  private constructor(folder: string, network: ChildProcess) {
    this.folder = folder;
    this.#network = network;
    const home = join(folder, '.home');
    mkdirSync(home);
    writeFileSync(join(home, '.curlrc'), 'silent\nshow-error\n');
    const command = join(home, 'daemun');
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'bin/daemun.js')}' "$@"\n`);
    chmodSync(command, 0o755);
    this.#env = {
      PATH: `${home}:${process.env.PATH}:/usr/sbin:/sbin`,
      HOME: home,
      CURL_HOME: home,
      PYTHONUNBUFFERED: '1',
      NO_COLOR: '1',
    };
  }

  static async start(): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), 'daemun-guide-'));
    symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'));
    const [program, ...words] = [...inNetwork(), 'bash', '-c', 'echo ready; read -r'];
    const network = spawn(program!, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(network.stdout!, 'data');
    return new Machine(folder, network);
  }

  write(name: string, content: string): void {
    writeFileSync(join(this.folder, name), content);
  }

  /** Runs a command as its reader would: what serves is left running until something else is to serve. */
  async run(line: string): Promise<Run> {
    if (SERVES.test(line)) return await this.#serve(line);
    if (BACKGROUND.test(line)) return await this.#start(line);
    const before = this.#files();
    const applied = this.#applied();
    const [program, ...words] = this.#shell(line);
    const done = await run(program!, words, { cwd: this.folder, env: this.#env });
    if (before !== this.#files()) await this.#reloaded(applied);
    return done;
  }

  async close(): Promise<void> {
    await this.stop();
    for (const { child, finished } of this.#background) {
      child.kill('SIGTERM');
      await finished;
    }
    this.#network.stdin!.end('\n');
    rmSync(this.folder, { recursive: true });
  }

  /** Ctrl-C; it must end well. */
  async stop(): Promise<void> {
    const { line, program } = this.#serving ?? {};
    this.#serving = undefined;
    if (program === undefined) return;
    if (program.child.exitCode === null) program.child.kill('SIGINT');
    const { code, stdout, stderr } = await program.finished;
    if (code !== 0) throw new Error(`${line} ended with ${code}\n${stdout}${stderr}`);
  }

  async #serve(line: string): Promise<Run> {
    await this.stop();
    const program = this.#program(`exec ${line}`);
    this.#serving = { line, program };
    await program.until(() => (/ready: \d+ of \d+|: ready$/m.test(program.stdout) ? true : undefined));
    return { code: 0, stdout: program.stdout, stderr: '' };
  }

  async #start(line: string): Promise<Run> {
    const program = this.#program(`exec ${line.replace(BACKGROUND, '')}`);
    this.#background.push(program);
    await program.until(() => (program.stdout === '' ? undefined : true));
    return { code: 0, stdout: '', stderr: '' };
  }

  #program(line: string): RunningProgram {
    const [program, ...words] = this.#shell(line);
    return new RunningProgram(program!, words, { cwd: this.folder, env: this.#env });
  }

  /** As on a terminal, where all that is printed comes in one order. */
  #shell(line: string): string[] {
    return [...joinNetwork(this.#network.pid!), 'bash', '-o', 'pipefail', '-c', `exec 2>&1; ${line}`];
  }

  /** That are served, and when they changed last. */
  #files(): string {
    const names = readdirSync(this.folder).filter((name) => this.#serving?.line.includes(` ${name}`));
    return names.map((name) => `${name} ${statSync(join(this.folder, name)).mtimeMs}`).join('\n');
  }

  #applied(): number {
    return this.#serving?.program.stdout.split(/config applied|^(?:error|warning): /m).length ?? 0;
  }

  /** A reader looks first, and then goes on. */
  async #reloaded(before: number): Promise<void> {
    await this.#serving?.program.until(() => (this.#applied() > before ? true : undefined));
  }
}
