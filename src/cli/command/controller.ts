/** `daemun controller`: makes and feeds the data planes of a cluster's Gateways. */
import { Command, Option } from 'commander';
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../../observe/index.ts';
import { type AdminFlags, adminOptions, dataPlaneAdmin } from '../admin-option.ts';
import { afterOptions } from '../after-options.ts';
import { type ClusterFlags, clusterOptions } from '../cluster-option.ts';
import { CLUSTER_CONTROLLER, controllerOption, usage } from '../option.ts';
import { Signals } from '../signal.ts';

const STREAM_PORT = 15443;

interface ControllerFlags extends AdminFlags, ClusterFlags {
  controllerName?: string[];
  image: string;
  streamPort: number;
  streamAddress?: string;
  publishService?: string;
  lease: string;
  podNamespace?: string;
  podName?: string;
  podUid?: string;
  logLevel: LogLevel;
  logFormat: LogFormat;
}

const EXAMPLES = `
Example:
  $ daemun controller --image daemun/daemun:1.0 --stream-address https://daemun-controller.daemun-system.svc:15443

Exit status: 0 after SIGTERM, 1 when it cannot start, 2 for a wrong command line.`;

export function controllerCommand(): Command {
  const command = new Command('controller')
    .summary('make and feed the data planes of a cluster')
    .description(
      'Makes data planes for each Gateway of its classes, sends them their config, and writes statuses.\n' +
        'Several may run: all send config, and one of them, by a Lease, writes to the cluster.',
    )
    .addHelpText('after', afterOptions(EXAMPLES))
    .action(async (flags: ControllerFlags) => {
      const signals = new Signals();
      const admin = dataPlaneAdmin(flags);
      const { runController } = await import('../controller-run.ts');
      const { kubeconfig, context, namespace: namespaces, lease, controllerName, ...rest } = flags;
      const { image, streamPort, streamAddress, publishService, podNamespace, podName, podUid, logLevel, logFormat } =
        rest;
      const pod =
        podNamespace && podName && podUid ? { namespace: podNamespace, name: podName, uid: podUid } : undefined;
      await runController({
        cluster: {
          kubeconfig,
          context,
          namespaces,
          lease,
          pod,
          controllerNames: controllerName ?? [CLUSTER_CONTROLLER],
        },
        ...{ image, streamPort, streamAddress, publishService, podNamespace, admin, logLevel, logFormat, signals },
      });
    });
  const admin = adminOptions().filter(({ long }) => long !== '--admin-insecure');
  for (const option of [...ownOptions(), ...clusterOptions(), ...admin]) command.addOption(option);
  return command;
}

function ownOptions(): Option[] {
  return [
    new Option('--image <image>', 'of the data planes').env('DAEMUN_IMAGE').makeOptionMandatory(),
    controllerOption(CLUSTER_CONTROLLER),
    new Option('--stream-port <port>', 'where data planes are sent their config')
      .argParser(usage(port))
      .default(STREAM_PORT),
    new Option(
      '--stream-address <url>',
      'how they reach it (default: https://daemun-controller.NAMESPACE.svc:PORT)',
    ).argParser(usage(streamUrl)),
    new Option(
      '--publish-service <namespace/name>',
      'Service by which clients reach Gateways of classes that nothing is made for, where they name none',
    ).argParser(usage(qualifiedName)),
    new Option('--lease <name>', 'Lease by which one of several writes').default('daemun-controller'),
    new Option('--pod-namespace <name>', "the controller's own namespace (default: the context's)").env(
      'POD_NAMESPACE',
    ),
    new Option('--pod-name <name>', "the controller's own pod").env('POD_NAME'),
    new Option('--pod-uid <uid>', 'its uid: a Lease that it cannot give back goes with it').env('POD_UID'),
    new Option('--log-level <level>', 'least severe messages that are logged').choices([...LOG_LEVELS]).default('info'),
    new Option('--log-format <format>', 'form of what goes to standard error')
      .choices([...LOG_FORMATS])
      .default('text'),
  ];
}

function port(text: string): number {
  const read = Number(text);
  if (!/^\d+$/.test(text) || read > 65535) throw new Error(`"${text}" is not a port`);
  return read;
}

function streamUrl(text: string): string {
  if (!/^https:\/\/[^/]+:\d+$/.test(text)) throw new Error(`"${text}" is not https://HOST:PORT`);
  return text;
}

function qualifiedName(text: string): string {
  if (!/^[^/]+\/[^/]+$/.test(text)) throw new Error(`"${text}" is not NAMESPACE/NAME`);
  return text;
}
