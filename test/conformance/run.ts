/**
 * `npm run conformance`: the official suite of the Gateway API, as it is, against the cluster of KUBECONFIG: all five
 * gateway profiles with every feature that the GatewayClass claims. The report goes to docs/conformance/.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { suiteAddresses } from './address.ts';
import { checkCluster } from './cluster.ts';
import { Progress } from './progress.ts';
import { implementation, reportPath, writePage } from './report.ts';
import { DEFAULT_SUITE, SUITES, suiteBinary } from './suite-binary.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROFILES = ['GATEWAY-HTTP', 'GATEWAY-GRPC', 'GATEWAY-TLS', 'GATEWAY-TCP', 'GATEWAY-UDP'];
/** Tests at once. Most of a test is waiting, so more than there are processors. */
const PARALLEL = 8;

/** Seconds for what a test made to be gone: conformance sets no bound, and namespaces of a busy cluster take their time. */
const DELETE_TIMEOUT = 180;

const USAGE = `Usage: npm run conformance -- [options] [-- flags of the suite]

  --suite <version>        ${SUITES.join(' or ')} (default: ${DEFAULT_SUITE})
  --run <name>             one test, such as HTTPRouteWeight; writes no report
  --profiles <list>        default: ${PROFILES.join(',')}
  --gateway-class <name>   default: daemun
  --usable-address <ip>    an address that the cluster gives to a Service on request (default: found out)
  --unusable-address <ip>  one that it never gives
  --report <folder>        default: docs/conformance
  --parallel <n>           tests at once (default: ${PARALLEL})
  --build                  only builds the suite

Needs kubectl, Go (or a suite that is built: $CONFORMANCE_BINARY), and the CRDs of the suite's version in the cluster.
Exit status: 0 when all passed, 1 otherwise, 2 for a wrong command line.`;

const { flags, rest } = commandLine();
await main();

async function main(): Promise<void> {
  try {
    const binary = await suiteBinary(flags.suite);
    if (flags.build === true) return console.log(binary);
    await checkCluster(flags.suite, flags['gateway-class']);
    process.exitCode = await runSuite(binary);
  } catch (error) {
    console.error(`conformance: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

async function runSuite(binary: string): Promise<number> {
  const report = reportPath(flags.report, flags.suite);
  const log = join(mkdtempSync(join(tmpdir(), 'conformance-')), 'suite.log');
  const progress = new Progress(log);
  const args = await suiteFlags(report);
  console.log(`suite ${flags.suite}; everything that it says: ${log}`);
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
  const code = await progress.follow(child);
  const { passed, failed } = progress;
  console.log(progress.failures());
  console.log(`conformance ${flags.suite}: ${passed} passed, ${failed} failed in ${progress.seconds} s`);
  if (flags.run === undefined && passed > 0) {
    writePage(flags.report);
    console.log(`report: ${relative(process.cwd(), report)}`);
  }
  return code === 0 && failed === 0 && passed > 0 ? 0 : 1;
}

async function suiteFlags(report: string): Promise<string[]> {
  const { usable, unusable } = await suiteAddresses(flags['usable-address'], flags['unusable-address']);
  // In the form for programs, in which each test says at once how it ended, and not all of them at the end.
  const args = [
    '-test.v=test2json',
    '-test.run=^TestConformance$',
    '-test.timeout=0',
    `-test.parallel=${flags.parallel}`,
  ];
  args.push(`--gateway-class=${flags['gateway-class']}`, `--conformance-profiles=${flags.profiles}`, '--debug=false');
  args.push(`--timeout-config-overrides=DeleteTimeout:${DELETE_TIMEOUT}`);
  if (usable !== undefined) args.push(`--usable-address=${usable}`, `--unusable-address=${unusable}`);
  if (flags.run === undefined) {
    mkdirSync(dirname(report), { recursive: true });
    args.push(`--report-output=${report}`, ...implementation());
  } else {
    args.push(`--run-test=${flags.run}`);
  }
  return [...args, ...rest];
}

function commandLine() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        suite: { type: 'string', default: DEFAULT_SUITE },
        run: { type: 'string' },
        profiles: { type: 'string', default: PROFILES.join(',') },
        'gateway-class': { type: 'string', default: 'daemun' },
        'usable-address': { type: 'string' },
        'unusable-address': { type: 'string' },
        report: { type: 'string', default: join(ROOT, 'docs/conformance') },
        parallel: { type: 'string', default: String(PARALLEL) },
        build: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) {
      console.log(USAGE);
      process.exit(0);
    }
    if (!SUITES.includes(values.suite)) throw new Error(`--suite must be ${SUITES.join(' or ')}`);
    return { flags: values, rest: positionals };
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}
