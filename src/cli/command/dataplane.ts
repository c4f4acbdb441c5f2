/** `daemun dataplane`: serves one Gateway as a controller says. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { Command, Option } from 'commander';
import type { SnapshotPlace } from '../../delivery/index.ts';
import type { HostPort } from '../address.ts';
import { hostPort } from '../address.ts';
import { type AdminFlags, adminOptions, dataPlaneAdmin } from '../admin-option.ts';
import { afterOptions } from '../after-options.ts';
import { cacheOptions } from '../cache-flag.ts';
import { bindingOf } from '../every-address.ts';
import { limitOptions } from '../limit-option.ts';
import { usage } from '../option.ts';
import {
  countryOption,
  drainOptions,
  hopOptions,
  logOptions,
  placeOptions,
  type ServingFlags,
  servingSetup,
  workersOption,
  zoneOption,
} from '../serving-option.ts';
import { Signals } from '../signal.ts';

interface DataPlaneFlags extends AdminFlags, ServingFlags {
  controller: HostPort;
  controllerServerName?: string;
  ca: string;
  token: string;
  name: string;
  node?: string;
  snapshot?: string;
  snapshotKey?: Buffer;
  snapshotOptional?: boolean;
}

const EXAMPLES = `
Example:
  $ daemun dataplane --controller https://daemun.daemun-system:18000 --ca /var/run/daemun/ca.crt \\
      --token /var/run/secrets/daemun/token --snapshot /var/run/daemun/snapshot --admin '[::]:15000'

Exit status: 0 after a drain, 1 when it cannot start, 2 for a wrong command line.`;

/** Until endpoints are gone from load balancers: a Service's proxies take a second or two, clouds' health checks longer. */
const DRAIN_DELAY = '10s';

export function dataplaneCommand(): Command {
  const command = new Command('dataplane')
    .summary('serve one Gateway of a cluster, as its controller says')
    .description(
      'Serves what a controller sends, and says what became of it. Controllers start it, one Deployment a Gateway.\n' +
        'While the controller is away it serves what it has; with --snapshot it also starts from that.\n' +
        'SIGTERM ends it in order: it serves on for --drain-delay, not ready in the last 8 s, then requests under way finish.',
    )
    .addHelpText('after', afterOptions(EXAMPLES))
    .action(async (flags: DataPlaneFlags, asked: Command) => {
      const signals = new Signals();
      const { serveDataPlane } = await import('../serve-dataplane.ts');
      const { logLevel, logFormat, drainDelay, drainTimeout, workers, name, controller } = flags;
      const { addresses: bind, note } = await bindingOf(flags.bind);
      const setup = {
        ...servingSetup({ ...flags, bind }, asked),
        // What Services and slices say is written by tenants, and this machine is not theirs.
        loopbackNames: 'refused' as const,
        loopbackEndpoints: 'refused' as const,
        // The pod that takes this one's place has the same ports where both use the node's network.
        handsOver: true,
      };
      const admin = dataPlaneAdmin(flags);
      await serveDataPlane({
        ...{ name, setup, workers, drainDelay, drainTimeout, logLevel, logFormat, signals },
        ...(admin ? { admin } : {}),
        note,
        ...snapshotPlace(flags, asked),
        snapshotOptional: flags.snapshotOptional === true,
        stream: {
          address: controller,
          serverName: flags.controllerServerName ?? controller.host,
          ca: () => readFile(flags.ca, 'utf8'),
          token: async () => (await readFile(flags.token, 'utf8')).trim(),
          name,
          ...(flags.node ? { node: flags.node } : {}),
          ...(flags.zone ? { zone: flags.zone } : {}),
        },
      });
    });
  for (const option of allOptions()) command.addOption(option);
  return command;
}

/** In the order of --help. */
function allOptions(): Option[] {
  return [
    new Option('--controller <url>', 'where the controllers answer, https://HOST:PORT')
      .argParser(usage(controllerAddress))
      .makeOptionMandatory(),
    new Option('--controller-server-name <name>', "name on the controllers' certificate (default: the host)"),
    new Option('--ca <file>', 'certificates of who may be the controller').makeOptionMandatory(),
    new Option(
      '--token <file>',
      'token that says which Gateway this is; read at each connection',
    ).makeOptionMandatory(),
    new Option('--name <name>', 'what this data plane is called').env('POD_NAME').default(hostname(), 'the host name'),
    new Option('--node <name>', 'node that it runs on').env('NODE_NAME'),
    zoneOption(),
    new Option('--snapshot <folder>', 'where the last config is kept, in memory (tmpfs); absent: nowhere'),
    new Option('--snapshot-optional', 'go on without a snapshot where its folder cannot be used, instead of ending'),
    new Option('--snapshot-key <file>', 'encrypts the snapshot, which may then lie on a disk')
      .env('DAEMUN_SNAPSHOT_KEY')
      .argParser(usage(snapshotKey)),
    ...placeOptions(),
    workersOption(),
    ...logOptions(),
    ...drainOptions(DRAIN_DELAY),
    ...hopOptions(),
    ...limitOptions(),
    ...cacheOptions(),
    countryOption(),
    ...adminOptions().filter(({ long }) => long !== '--admin-insecure'),
  ];
}

function controllerAddress(text: string): HostPort {
  const [, at] = /^https:\/\/([^/]+)\/?$/.exec(text) ?? [];
  if (at === undefined) throw new Error(`"${text}" is not https://HOST:PORT`);
  return hostPort(at);
}

/** Bytes of a key, below which it can be guessed. */
const KEY_LEAST = 32;

function snapshotKey(path: string): Buffer {
  const key = readFileSync(path);
  if (key.length < KEY_LEAST) throw new Error(`${path} must hold at least ${KEY_LEAST} bytes of chance`);
  return key;
}

/** The token says whose config it is, also while nobody is there who could verify it. */
function snapshotPlace(flags: DataPlaneFlags, command: Command): { snapshot?: Omit<SnapshotPlace, 'owner'> } {
  const { snapshot: folder, snapshotKey: key } = flags;
  if (folder !== undefined) return { snapshot: { folder, ...(key ? { key } : {}) } };
  if (key !== undefined) command.error('error: --snapshot-key goes with --snapshot');
  return {};
}
