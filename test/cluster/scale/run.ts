/**
 * `npm run scale`: many routes and many changes in the cluster of KUBECONFIG, after `npm run deploy:test`, with requests
 * that never pause. Shows what it measured as a table; ends with 1 on one request that was not answered as it should be.
 */
import { loadavg } from 'node:os';
import { atOnce } from './at-once.ts';
import { type PartName, readFlags, type ScaleFlags, USAGE } from './command-line.ts';
import { outage, slowStore } from './control-plane.ts';
import { backends, command, controllers, dataPlanes, endpoints, replicas } from './disturbance.ts';
import { flip } from './flip.ts';
import { listenerSets } from './listener-sets.ts';
import { oneByOne } from './one-by-one.ts';
import { services } from './services.ts';
import { Stage } from './stage.ts';
import { Tally } from './tally.ts';
import { tenantFlood } from './tenant-flood.ts';
import { ProcessorTime } from './usage.ts';

/** Requests a second beside what is measured otherwise. */
const BESIDE = 20;
const BESIDE_SETS = 200;

type Measure = (stage: Stage, flags: ScaleFlags) => Promise<void>;

/** What is measured beside requests, which must not fail. */
const beside = (part: PartName, what: Measure, rate = BESIDE): Measure => {
  return (stage, flags) => stage.under({ part, rate }, () => what(stage, flags));
};

/** What happens under load; what comes afterwards is served. */
const disturbed = (part: PartName, what: Measure): Measure => {
  return async (stage, flags) => {
    await stage.under({ part, rate: flags.rate }, async () => {
      await what(stage, flags);
      await stage.serves(`after-${part}`);
    });
  };
};

const MEASURE: Record<PartName, Measure> = {
  flip: (stage, { seconds, rate }) => flip(stage, { seconds, rate }),
  'one-by-one': beside('one-by-one', (stage, flags) => oneByOne(stage, { count: flags.oneByOne, most: flags.most })),
  'at-once': beside('at-once', (stage, flags) => atOnce(stage, flags.atOnce)),
  services: beside('services', (stage, flags) => services(stage, flags.services)),
  endpoints: (stage, { seconds, rate }) => endpoints(stage, { seconds, rate }),
  backends: disturbed('backends', backends),
  'data-planes': disturbed('data-planes', dataPlanes),
  replicas: disturbed('replicas', replicas),
  controllers: disturbed('controllers', controllers),
  outage: disturbed('outage', (_, { seconds }) => outage(seconds)),
  'slow-store': disturbed('slow-store', (stage, { seconds }) => slowStore(stage, seconds)),
  tenant: beside('tenant', (stage, { tenantRoutes }) => tenantFlood(stage, tenantRoutes)),
  command: disturbed('command', (stage, flags) => command(stage, flags.command)),
  'listener-sets': beside(
    'listener-sets',
    (stage, { listenerSets: sets, minutes }) => listenerSets(stage, { sets, minutes }),
    BESIDE_SETS,
  ),
};

const flags = commandLine();
const tally = new Tally();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.log(`ended by ${signal}; so far:\n\n${tally.report()}`);
    process.exit(1);
  });
}
await main();

async function main(): Promise<void> {
  let stage: Stage | undefined;
  try {
    stage = await Stage.open(tally, flags.implementation);
    for (const part of flags.parts) await measure(stage, part);
  } catch (error) {
    tally.fail(error instanceof Error ? error.message : String(error));
  } finally {
    await stage?.close().catch((error: Error) => tally.fail(`the end: ${error.message}`));
  }
  console.log(`\n${tally.report()}`);
  console.log(tally.failed === 0 ? 'nothing failed' : `${tally.failed} failures`);
  process.exitCode = tally.failed === 0 ? 0 : 1;
}

async function measure(stage: Stage, part: PartName): Promise<void> {
  tally.progress(`${part}, load average ${load()}`);
  try {
    const spent = await ProcessorTime.begin(stage);
    await MEASURE[part](stage, flags);
    await spent.tell(part);
  } catch (error) {
    tally.fail(`${part}: ${error instanceof Error ? error.message : String(error)}`);
    // The next part begins with none of its routes.
    await stage.clear();
  }
  tally.figure(part, 'load average of this machine', load());
}

function load(): string {
  return loadavg()[0]!.toFixed(1);
}

function commandLine(): ScaleFlags {
  try {
    const flags = readFlags(process.argv.slice(2));
    if (flags !== undefined) return flags;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}
