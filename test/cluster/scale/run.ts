/**
 * `npm run scale`: many routes and many changes in the cluster of KUBECONFIG, after `npm run deploy:test`, with requests
 * that never pause. Shows what it measured as a table; ends with 1 on one request that was not answered as it should be.
 */
import { loadavg } from 'node:os';
import { atOnce } from './at-once.ts';
import { type PartName, readFlags, type ScaleFlags, USAGE } from './command-line.ts';
import { flip } from './flip.ts';
import { oneByOne } from './one-by-one.ts';
import { services } from './services.ts';
import { Stage } from './stage.ts';
import { Tally } from './tally.ts';

const MEASURE: Record<PartName, (stage: Stage, flags: ScaleFlags) => Promise<void>> = {
  flip: (stage, { seconds }) => flip(stage, seconds),
  'one-by-one': (stage, flags) => oneByOne(stage, flags.oneByOne),
  'at-once': (stage, flags) => atOnce(stage, flags.atOnce),
  services: (stage, flags) => services(stage, flags.services),
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
    stage = await Stage.open(tally);
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
    await stage.under(part, () => MEASURE[part](stage, flags));
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
