/**
 * `npm run soak`: clients of every protocol at once through a gateway whose manifests change every two seconds, over real
 * sockets of this machine. Fails on one exchange that failed, one edit that was not served, and on what the gateway holds
 * at rest and did not after the warm-up.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Crowd } from './crowd.ts';
import { EDITS } from './edit.ts';
import type { LogRecord } from './gateway-process.ts';
import { type Look, report } from './report.ts';
import { Stage } from './stage.ts';
import { Tally } from './tally.ts';
import { TRAFFIC } from './traffic/index.ts';
import { leaks } from './vitals.ts';

const USAGE = `npm run soak -- [options]

  --minutes N   how long, warm-up included (default 8)
  --clients N   clients of each kind (default 2)
  --workers N   workers of the gateway (default 1)
  --only TEXT   only kinds of exchange whose name has this in it; may be repeated

Exit status: 0 where nothing failed and nothing grew, 1 where something did, 2 for a wrong command line.`;

/** Milliseconds between two edits. */
const EDIT_EVERY = 2_000;
/** Of the time, and at most so many milliseconds, before what is held counts. */
const WARM_UP = { share: 0.3, most: 90_000 } as const;
/** What is held is looked at so often; each look stops the clients for some seconds. */
const LOOK_EVERY = 120_000;
/** Log messages after which the soak has failed: workers that crash, and good objects that are refused. */
const MUST_NOT_BE_SAID = /^(worker (crashed|failed)|not applied|listener does not serve)/;

const flags = readFlags();
const began = performance.now();
const tally = new Tally();
const looks: Look[] = [];
const warnings = new Map<string, number>();
const folder = mkdtempSync(join(tmpdir(), 'daemun-soak-'));
let stage: Stage | undefined;
process.on('exit', () => {
  stage?.gateway.kill();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
await main();

async function main(): Promise<void> {
  stage = await Stage.open(folder, { workers: flags.workers, onRecord: heard });
  const end = flags.minutes * 60_000;
  const warm = Math.min(end * WARM_UP.share, WARM_UP.most);
  let edits = 0;
  for (let until = warm; ; until = Math.min(until + LOOK_EVERY, end)) {
    // A short rest of the time goes to the part before it.
    if (until > warm && end - until < LOOK_EVERY / 4) until = end;
    edits = await play(stage, { until, edits });
    await look(stage);
    if (until >= end) break;
    await stage.apply();
  }
  for (const leak of leaks(looks[0]!.vitals, looks.at(-1)!.vitals)) tally.fail('what is held', leak);
  const status = await stage.gateway.stop();
  if (status !== 0) tally.fail('the end', `the gateway ended with ${status}`);
  for (const line of stage.gateway.strays) tally.fail('the log', line);
  stage.close();
  console.log(report(tally, looks, warnings));
  console.log(verdict(edits));
  process.exit(tally.failed > 0 ? 1 : 0);
}

/** Clients and edits until so many milliseconds since the beginning; answers how many edits there were in all. */
async function play(on: Stage, { until, edits }: { until: number; edits: number }): Promise<number> {
  const kinds = TRAFFIC.filter(({ name }) => flags.only.length === 0 || flags.only.some((text) => name.includes(text)));
  const crowd = new Crowd({ place: on.place, kinds, clients: flags.clients }, tally);
  let made = edits;
  while (elapsed() < until && !on.gateway.over) {
    const next = delay(Math.min(EDIT_EVERY, Math.max(0, until - elapsed())));
    const edit = EDITS[made++ % EDITS.length]!;
    await tally.edit(edit.name, () => edit.make(on, tally));
    await next;
  }
  await crowd.leave();
  await tally.settled();
  return made;
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

function verdict(edits: number): string {
  const done = [...tally.exchanges.values()].reduce((sum, count) => sum + count.done, 0);
  const first = looks[0]?.at ?? 0;
  const time = `${Math.round(elapsed() / 1000)} s, ${Math.round(first)} s of it warm-up`;
  return `${done} exchanges and ${edits} edits in ${time}: ${tally.failed === 0 ? 'nothing failed, nothing grew' : `${tally.failed} failures`}`;
}

function elapsed(): number {
  return performance.now() - began;
}

function readFlags(): { minutes: number; clients: number; workers: number; only: string[] } {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '8' },
        clients: { type: 'string', default: '2' },
        workers: { type: 'string', default: '1' },
        only: { type: 'string', multiple: true, default: [] },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const [minutes, clients, workers] = [values.minutes, values.clients, values.workers].map(Number) as [
      number,
      number,
      number,
    ];
    if (!(minutes > 0) || !(clients >= 1) || !(workers >= 1)) throw new Error('numbers must be positive');
    return { minutes, clients, workers, only: values.only };
  } catch (error) {
    console.error(`soak: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}
