/** `daemun run`: serves manifests in the foreground. */

import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import {
  ACCESS_FORMATS,
  AccessLog,
  checkTemplate,
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
} from '../../observe/index.ts';
import { type AcmeFlags, acmeOf, acmeOptions } from '../acme-flag.ts';
import { ipAddress, network } from '../address.ts';
import { type AdminFlags, adminOptions, adminSetup } from '../admin-option.ts';
import { certificateOption, readCertificates } from '../certificate-flag.ts';
import { clusterOptions as reachOptions } from '../cluster-option.ts';
import type { ClusterSetup } from '../cluster-run.ts';
import { echoOption, endpointOption, readEndpoints } from '../endpoint-flag.ts';
import { bindingOf } from '../every-address.ts';
import type { FleetSetup } from '../fleet.ts';
import { type LimitFlags, limitOptions, limitsOf } from '../limit-option.ts';
import { controllerOption, duration, each, filesOption, pathsArgument, usage } from '../option.ts';
import { type PortMap, portMap } from '../port-map.ts';
import { Signals } from '../signal.ts';
import { workerCount } from '../worker-count.ts';

/** Without a name of its own a run in a cluster adopts only its own class: there may be others. */
const DEFAULT_CONTROLLER = 'daemun.dev/gateway-controller';

interface RunFlags extends AdminFlags, LimitFlags, AcmeFlags {
  file?: string[];
  cluster?: boolean;
  kubeconfig?: string;
  context?: string;
  namespace?: string[];
  publishAddress?: string[];
  lease: string;
  wait?: boolean;
  portMap?: PortMap;
  bind?: string[];
  endpoint?: string[];
  certificate?: string[];
  echoBackends?: boolean;
  workers: number;
  logLevel: LogLevel;
  logFormat: LogFormat;
  accessLog: FleetSetup['accessLog'];
  accessLogFile?: string;
  drainTimeout: number;
  controllerName?: string[];
  trustedHops?: string[];
  loopbackNames?: boolean;
  via?: boolean;
}

const EXAMPLES = `
Examples:
  $ daemun run manifests/ --port-map 80=18080,443=18443
  $ daemun run -f gateway.yaml -f routes/ --endpoint shop/cart:80=127.0.0.1:3000
  $ daemun run -f gateway.yaml --certificate shop.example.com=cert.pem,key.pem
  $ daemun run --cluster --publish-address 192.0.2.10
  $ daemun run -f gateway.yaml --acme --acme-email admin@example.com
  $ kustomize build . | daemun run -f - --echo-backends --access-log json

Exit status: 0 after a drain, 1 when the run cannot start, 2 for a wrong command line.`;

export function runCommand(): Command {
  const command = new Command('run')
    .summary('serve manifests in the foreground')
    .description(
      'Serves the Gateways and routes in the given manifests, and follows changes of the files.\n' +
        'Ctrl-C, SIGTERM and SIGQUIT drain: requests under way finish. A second one ends at once. SIGHUP looks at the files now.',
    )
    .addArgument(pathsArgument())
    .addOption(filesOption())
    .addOption(new Option('--wait', 'wait for manifests that cannot be read yet, instead of ending with exit status 1'))
    .addOption(new Option('--port-map <from=to,...>', 'bind other ports than Gateways name').argParser(usage(portMap)))
    .addOption(
      new Option('--bind <address>', 'address to listen on (repeatable; default: [::] and 0.0.0.0)').argParser(
        each(ipAddress),
      ),
    )
    .addOption(endpointOption())
    .addOption(echoOption())
    .addOption(certificateOption())
    .addOption(
      new Option('--workers <n>', 'processes that serve, or auto for one a core')
        .argParser(usage(workerCount))
        .default(1),
    )
    .addOption(
      new Option('--log-level <level>', 'least severe messages that are logged')
        .choices([...LOG_LEVELS])
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'form of what goes to standard error')
        .choices([...LOG_FORMATS])
        .default('text'),
    )
    .addOption(
      new Option('--access-log <format>', "one line a request; also a template such as '{client} {status} {duration}'")
        .choices(['off', ...ACCESS_FORMATS])
        .argParser(usage((text) => accessFormat(text)))
        .default('off'),
    )
    .addOption(
      new Option('--access-log-file <file>', 'where it goes (default: standard output); may be moved away at any time'),
    )
    .addOption(
      new Option('--drain-timeout <duration>', 'how long requests may take to finish at the end')
        .argParser(usage(duration))
        .default(30_000, '30s'),
    )
    .addOption(controllerOption())
    .addOption(
      new Option(
        '--trusted-hops <cidr>',
        'networks whose X-Forwarded-* and X-Request-Id are believed (repeatable; default: none)',
      ).argParser(each(network)),
    )
    .addOption(
      new Option('--loopback-names', 'let names of Services lead to this machine, such as ExternalName localhost'),
    )
    .addOption(new Option('--via', 'add a Via line to requests and answers (nginx backends compress nothing then)'))
    .addHelpText('after', EXAMPLES)
    .action(async (words: string[], flags: RunFlags, asked: Command) => {
      const paths = [...words, ...(flags.file ?? [])];
      const cluster = clusterFlags(flags, { paths, command: asked });
      const signals = new Signals();
      const endpoints = await readEndpoints(flags.endpoint, asked);
      const certificates = await readCertificates(flags.certificate, asked);
      const { serve } = await import('../serve.ts');
      const { logLevel, logFormat } = flags;
      const { addresses: bind, note } = await bindingOf(flags.bind);
      const given = { ...gatewayFlags({ ...flags, bind }, asked), cluster, paths, endpoints, certificates };
      await serve({ ...given, note, logLevel, logFormat, signals });
    });
  for (const option of [...clusterOptions(), ...acmeOptions(), ...limitOptions(), ...adminOptions()])
    command.addOption(option);
  return command;
}

function clusterOptions(): Option[] {
  return [
    new Option('--cluster', 'serve the resources of a Kubernetes cluster, and write their statuses there'),
    ...reachOptions(),
    new Option(
      '--publish-address <address>',
      'address or host name that Gateways of the cluster show (repeatable; default: what is bound)',
    ).argParser(each((text) => text)),
    new Option('--lease <name>', 'Lease by which one of several writes statuses').default('daemun'),
  ];
}

interface Asked {
  paths: string[];
  command: Command;
}

function clusterFlags(flags: RunFlags, { paths, command }: Asked): ClusterSetup | undefined {
  const { kubeconfig, context, namespace: namespaces, controllerName, lease } = flags;
  if (flags.cluster !== true) {
    const lone = ['--kubeconfig', '--context', '--namespace', '--publish-address'].find(
      (_, at) => [kubeconfig, context, namespaces, flags.publishAddress][at] !== undefined,
    );
    if (lone !== undefined) command.error(`error: ${lone} goes with --cluster`);
    if (paths.length === 0) command.error('error: name manifests with -f, or serve a cluster with --cluster');
    return undefined;
  }
  if (paths.length > 0) command.error('error: -f and --cluster exclude each other');
  // Several runs would obtain each its own, and the authority would find another one's answer.
  if (flags.acme === true) command.error('error: --acme and --cluster exclude each other: there, use cert-manager');
  return { kubeconfig, context, namespaces, lease, controllerNames: controllerName ?? [DEFAULT_CONTROLLER] };
}

function accessFormat(text: string): FleetSetup['accessLog'] {
  if (text === 'off') return text;
  const known = ACCESS_FORMATS.find((format) => format === text);
  if (known !== undefined) return known;
  if (!text.includes('{')) throw new Error(`allowed are off, ${ACCESS_FORMATS.join(', ')}, or a template with {field}`);
  checkTemplate(text);
  return text as `${string}{${string}`;
}

function accessLogFile({ accessLog, accessLogFile: path }: RunFlags, command: Command): { accessLogFile?: string } {
  if (path === undefined) return {};
  if (accessLog === 'off') command.error('error: --access-log-file goes with --access-log');
  AccessLog.check(path);
  return { accessLogFile: resolve(path) };
}

function gatewayFlags(flags: RunFlags & { bind: string[] }, command: Command) {
  const map = flags.portMap ?? new Map<number, number>();
  if (flags.workers > 1 && [...map.values()].includes(0)) {
    command.error('error: --port-map to port 0 needs --workers 1: each worker would get a port of its own');
  }
  const setup: FleetSetup = {
    bind: flags.bind,
    portMap: [...map],
    trustedHops: flags.trustedHops ?? [],
    via: flags.via === true,
    loopbackNames: flags.loopbackNames === true ? 'allowed' : 'refused',
    // Endpoints in a cluster are written by tenants, and this machine is not theirs.
    loopbackEndpoints: flags.cluster === true ? 'refused' : 'allowed',
    accessLog: flags.accessLog,
    ...accessLogFile(flags, command),
    limits: limitsOf(flags),
    drainTimeout: flags.drainTimeout,
  };
  return {
    publishedAddresses: flags.publishAddress,
    wait: flags.wait ?? false,
    setup,
    workers: flags.workers,
    controllerNames: flags.cluster === true ? (flags.controllerName ?? [DEFAULT_CONTROLLER]) : flags.controllerName,
    echoBackends: flags.echoBackends ?? false,
    ...(flags.cluster === true ? {} : { acme: acmeOf(flags) }),
    admin: adminSetup(flags, command),
    drainTimeout: flags.drainTimeout,
  };
}
