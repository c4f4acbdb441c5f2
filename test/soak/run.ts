/**
 * `npm run soak`: clients of every protocol at once through a gateway whose manifests change every two seconds, over real
 * sockets of this machine. Fails on one exchange that failed, one edit that was not served, and on what the gateway holds
 * at rest and did not after the warm-up.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readFlags, type SoakFlags, USAGE } from './command-line.ts';
import { Crowd } from './crowd.ts';
import { EDITS } from './edit.ts';
import type { LogRecord } from './gateway-process.ts';
import { type Look, report } from './report.ts';
import { Stage } from './stage.ts';
import { Tally } from './tally.ts';
import { leaks } from './vitals.ts';
import { served } from './witness.ts';

/** Milliseconds between two edits. */
const EDIT_EVERY = 2_000;
/** Of the time, and at most so many milliseconds, before what is held counts. */
const WARM_UP = { share: 0.3, most: 60_000 } as const;
/** What is held is looked at so often; each look stops the clients for some seconds. */
const LOOK_EVERY = 120_000;
/** Log messages after which the soak has failed: workers that crash, and good objects that are refused. */
const MUST_NOT_BE_SAID = /^(worker (crashed|failed)|not applied|listener does not serve)/;

const flags = commandLine();
const began = performance.now();
const tally = new Tally();
const looks: Look[] = [];
const warnings = new Map<string, number>();
const folder = mkdtempSync(join(tmpdir(), 'daemun-soak-'));
let stage: Stage | undefined;
let edits = 0;
process.on('exit', () => {
  stage?.gateway.kill();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
await main();

async function main(): Promise<void> {
  try {
    await soak();
  } catch (error) {
    tally.fail('the soak', error instanceof Error ? error.message : String(error));
  }
  for (const line of stage?.gateway.strays ?? []) tally.fail('the log', line);
  console.log(report({ tally, looks, warnings, logged: (message) => stage?.gateway.logged(message) }));
  console.log(verdict());
  process.exit(tally.failed > 0 ? 1 : 0);
}

async function soak(): Promise<void> {
  stage = await Stage.open(folder, { ...flags, onRecord: heard });
  for (const length of acts(flags.minutes * 60_000)) {
    await stage.apply();
    await served(stage);
    await play(stage, length);
    await look(stage);
    // A backend that is gone, and still said to be ready.
    if (flags.faults.includes('requests')) stage.endpoints.get('h1-more')![0]!.end();
  }
  for (const leak of leaks(looks[0]!.vitals, looks.at(-1)!.vitals)) tally.fail('what is held', leak);
  const status = await stage.gateway.stop();
  if (status !== 0) tally.fail('the end', `the gateway ended with ${status}`);
  stage.close();
}

/** Milliseconds of the parts between which what is held is looked at; the first is the warm-up. */
function acts(all: number): number[] {
  const warm = Math.min(all * WARM_UP.share, WARM_UP.most);
  const count = Math.max(1, Math.round((all - warm) / LOOK_EVERY));
  return [warm, ...new Array<number>(count).fill((all - warm) / count)];
}

/** Clients and edits for so many milliseconds. */
async function play(on: Stage, length: number): Promise<void> {
  const { kinds, clients } = flags;
  const crowd = new Crowd({ place: on.place, kinds, clients }, tally);
  const end = elapsed() + length;
  while (elapsed() < end && !on.gateway.over) {
    const next = delay(Math.min(EDIT_EVERY, end - elapsed()));
    const edit = EDITS[edits++ % EDITS.length]!;
    await tally.edit(edit.name, () => edit.make(on, tally));
    await next;
  }
  await crowd.leave();
  await tally.settled();
}

/** What is held while nothing is served. */
async function look(on: Stage): Promise<void> {
  await on.rest();
  const vitals = await on.gateway.vitals();
  looks.push({ at: elapsed() / 1000, vitals });
  for (const gauge of ['daemun_connections_open', 'daemun_stream_active']) {
    const open = await on.gateway.metric(gauge);
    if (open !== 0) tally.fail('what is held', `${gauge} is ${open} though all clients have left`);
  }
}

function heard({ level, msg }: LogRecord): void {
  if (level !== 'warn' && level !== 'error' && level !== 'fatal') return;
  warnings.set(msg, (warnings.get(msg) ?? 0) + 1);
  if (MUST_NOT_BE_SAID.test(msg)) tally.fail('the log', msg);
}

function verdict(): string {
  const done = [...tally.exchanges.values()].reduce((sum, count) => sum + count.done, 0);
  const time = `${Math.round(elapsed() / 1000)} s, ${Math.round(looks[0]?.at ?? 0)} s of it warm-up`;
  return `${done} exchanges and ${edits} edits in ${time}: ${tally.failed === 0 ? 'nothing failed, nothing grew' : `${tally.failed} failures`}`;
}

function elapsed(): number {
  return performance.now() - began;
}

function commandLine(): SoakFlags {
  try {
    const read = readFlags(process.argv.slice(2));
    if (read !== undefined) return read;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    console.error(`soak: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}
