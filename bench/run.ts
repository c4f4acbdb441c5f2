/**
 * Measures Daemun beside other proxies, interleaved in one run on this machine.
 *
 * Usage: node bench/run.ts [--cases a,b] [--peers a,b] [--reps 5] [--seconds 3] [-o table|json] [--write]
 *                          [--base DIR] [--profile CASE]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startBackends } from './backend.ts';
import { type Case, cases, type World } from './case/index.ts';
import { makeCertificate } from './certificate.ts';
import { stopAll } from './child.ts';
import { contest, type Ground } from './contest.ts';
import { type Cores, chooseCores, describeMachine, type Machine, pinSelf } from './machine.ts';
import { daemun, type Peer, peers } from './peer/index.ts';
import { type ProfileLine, profileCase, renderProfile } from './profile.ts';
import { record } from './record.ts';
import { type CaseReport, renderText, reportCase } from './report.ts';

const help = `Measures Daemun beside other proxies, interleaved in one run on this machine.

npm run bench -- [options]
  --cases a,b      only these: ${cases.map((one) => one.name).join(', ')}
  --peers a,b      only these: ${peers.map((peer) => peer.name).join(', ')} (those not installed are left out)
  --reps N         measurements for each figure (default 5)
  --seconds N      length of each (default 3)
  -o table|json    how to print (default table)
  --write          keep the figures in bench/figures.json and docs/performance.md; cases that were not run stay
  --base DIR       another checkout of Daemun beside this one, named base
  --profile CASE   no measurement: where Daemun's CPU time goes in this case
`;

/**
 * Milliseconds that processes have to come to rest. Daemun's control gives back what its start took once 5 s are over, which
 * takes 0.05 s of processor time, once: in one second of new TLS connections that would be 5 %.
 */
const REST = 6_000;

interface Options {
  cases: readonly Case[];
  peers: readonly Peer[];
  reps: number;
  seconds: number;
  json: boolean;
  write: boolean;
  profile: Case | undefined;
}

class UsageError extends Error {}

function isUsageError(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      cases: { type: 'string' },
      peers: { type: 'string' },
      reps: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      output: { type: 'string', short: 'o', default: 'table' },
      write: { type: 'boolean', default: false },
      base: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  if (values.output !== 'table' && values.output !== 'json') throw new UsageError('-o takes table or json');
  const chosen = pick(peers, values.peers, '--peers');
  return {
    cases: pick(cases, values.cases, '--cases'),
    peers: values.base === undefined ? chosen : [...chosen, daemun('base', resolve(values.base))],
    reps: count(values.reps, '--reps'),
    seconds: count(values.seconds, '--seconds'),
    json: values.output === 'json',
    write: values.write,
    profile: values.profile === undefined ? undefined : pick(cases, values.profile, '--profile')[0],
  };
}

function pick<T extends { name: string }>(all: readonly T[], names: string | undefined, option: string): readonly T[] {
  if (names === undefined) return all;
  return names.split(',').map((name) => {
    const found = all.find((one) => one.name === name);
    if (found !== undefined) return found;
    throw new UsageError(`${option}: there is no ${name}; choose from ${all.map((one) => one.name).join(', ')}`);
  });
}

function count(text: string, option: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`${option} takes a whole number from 1 to 9999`);
  return Number(text);
}

async function main(args: string[]): Promise<void> {
  const options = readOptions(args);
  if (options === undefined) {
    process.stdout.write(help);
    return;
  }
  const machine = describeMachine();
  const cores = chooseCores();
  pinSelf(cores);
  const dir = mkdtempSync(join(tmpdir(), 'daemun-bench-'));
  const end = async (): Promise<void> => {
    await stopAll();
    rmSync(dir, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void end().finally(() => process.exit(130)));
  }
  try {
    const rsa = await makeCertificate(dir, 'rsa');
    const ecdsa = await makeCertificate(dir, 'ecdsa');
    const backends = await startBackends(dir, ecdsa);
    const world: World = { dir, backends, rsa, ecdsa, seconds: options.seconds };
    if (options.profile === undefined) await measure(options, world, { machine, cores, args });
    else process.stdout.write(`${renderProfile(await profileCase({ case: options.profile, world, cores }))}\n`);
  } finally {
    await end();
  }
}

async function measure(
  options: Options,
  world: World,
  { machine, cores, args }: { machine: Machine; cores: Cores; args: string[] },
): Promise<void> {
  const versions: Record<string, string> = {};
  const found: Peer[] = [];
  for (const peer of options.peers) {
    const program = await peer.find();
    versions[peer.name] = program?.version ?? 'not installed';
    if (program !== undefined) found.push(peer);
  }
  const print = options.json ? () => {} : (text: string) => process.stdout.write(`${text}\n`);
  print(`${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}`);
  print(`load average before the run ${machine.loadBefore} (above 0.5, other work makes the figures noisy)`);
  print(
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  );
  print(
    `proxies on core ${cores.proxy}, load and backends on core ${cores.load}, ${options.reps} × ${options.seconds} s\n`,
  );
  const reports: CaseReport[] = [];
  for (const case_ of options.cases) {
    const ground = { case: case_, world, cores };
    const entries = await contest(ground, case_.contenders(found, world), {
      reps: options.reps,
      rest: REST,
      onStep: step(case_),
    });
    const report = reportCase(case_, entries);
    reports.push(report);
    print(`${renderText(report)}\n`);
    if (options.write) {
      const profile = await explainMiss(ground, report);
      const command = ['npm run bench --', ...args].join(' ');
      record({ machine, versions, command, date: new Date().toISOString().slice(0, 10), report, profile });
    }
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ machine, versions, cases: reports }, undefined, 2)}\n`);
}

/** A profile where a goal for CPU time was missed: where Daemun does not get as far as that, its failure is told. */
async function explainMiss(ground: Ground, report: CaseReport): Promise<ProfileLine[] | undefined> {
  const missed = report.goals.some(({ met, figure }) => met === false && (figure === 'cpu' || figure === 'throughput'));
  if (!missed) return undefined;
  try {
    return await profileCase(ground);
  } catch (error) {
    process.stderr.write(
      `bench: no profile of ${report.name}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return undefined;
  }
}

/** Progress on a terminal only, on one line that the table then replaces. */
function step(case_: Case): (text: string) => void {
  if (!process.stderr.isTTY) return () => {};
  return (text) => void process.stderr.write(`\r\x1b[K${case_.name}: ${text}\r`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`bench: ${message}\n`);
  process.exitCode = isUsageError(error) ? 2 : 1;
}
