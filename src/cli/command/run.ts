/** `daemun run`: serves manifests in the foreground. */

import { Command, Option } from 'commander';
import { type AcmeFlags, acmeOf, acmeOptions } from '../acme-flag.ts';
import { type AdminFlags, adminOptions, adminSetup } from '../admin-option.ts';
import { afterOptions } from '../after-options.ts';
import { cacheOptions } from '../cache-flag.ts';
import { certificateOption, readCertificates } from '../certificate-flag.ts';
import { clusterOptions as reachOptions } from '../cluster-option.ts';
import type { ClusterSetup } from '../cluster-run.ts';
import { echoOption, endpointOption, readEndpoints } from '../endpoint-flag.ts';
import { bindingOf } from '../every-address.ts';
import type { FleetSetup } from '../fleet.ts';
import { limitOptions } from '../limit-option.ts';
import { CLUSTER_CONTROLLER, controllerOption, each, filesOption, pathsArgument } from '../option.ts';
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

interface RunFlags extends AdminFlags, ServingFlags, AcmeFlags {
  file?: string[];
  cluster?: boolean;
  kubeconfig?: string;
  context?: string;
  namespace?: string[];
  publishAddress?: string[];
  lease: string;
  wait?: boolean;
  endpoint?: string[];
  certificate?: string[];
  echoBackends?: boolean;
  controllerName?: string[];
  loopbackNames?: boolean;
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
    .addHelpText('after', afterOptions(EXAMPLES))
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
  for (const option of allOptions()) command.addOption(option);
  return command;
}

/** In the order of --help. */
function allOptions(): Option[] {
  const [trustedHops, via] = hopOptions() as [Option, Option];
  return [
    ...placeOptions(),
    endpointOption(),
    echoOption(),
    certificateOption(),
    workersOption(),
    ...logOptions(),
    ...drainOptions('0s'),
    controllerOption(),
    trustedHops,
    new Option('--loopback-names', 'let names of Services lead to this machine, such as ExternalName localhost'),
    via,
    ...clusterOptions(),
    ...acmeOptions(),
    ...limitOptions(),
    ...cacheOptions(),
    countryOption(),
    ...adminOptions(),
  ];
}

function clusterOptions(): Option[] {
  return [
    new Option('--cluster', 'serve the resources of a Kubernetes cluster, and write their statuses there'),
    ...reachOptions(),
    new Option(
      '--publish-address <address>',
      'address or host name that Gateways of the cluster show (repeatable; default: what is bound)',
    ).argParser(each((text) => text)),
    zoneOption(),
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
  if (flags.endpoint !== undefined) {
    command.error('error: --endpoint and --cluster exclude each other: there, EndpointSlices say where Services lead');
  }
  // Several runs would obtain each its own, and the authority would find another one's answer.
  if (flags.acme === true) command.error('error: --acme and --cluster exclude each other: there, use cert-manager');
  return { kubeconfig, context, namespaces, lease, controllerNames: controllerName ?? [CLUSTER_CONTROLLER] };
}

function gatewayFlags(flags: RunFlags & { bind: string[] }, command: Command) {
  const setup: FleetSetup = {
    ...servingSetup(flags, command),
    loopbackNames: flags.loopbackNames === true ? 'allowed' : 'refused',
    // Endpoints in a cluster are written by tenants, and this machine is not theirs.
    loopbackEndpoints: flags.cluster === true ? 'refused' : 'allowed',
  };
  return {
    publishedAddresses: flags.publishAddress,
    wait: flags.wait ?? false,
    setup,
    workers: flags.workers,
    controllerNames: flags.cluster === true ? (flags.controllerName ?? [CLUSTER_CONTROLLER]) : flags.controllerName,
    echoBackends: flags.echoBackends ?? false,
    ...(flags.cluster === true ? {} : { acme: acmeOf(flags) }),
    admin: adminSetup(flags, command),
    drainDelay: flags.drainDelay,
    drainTimeout: flags.drainTimeout,
  };
}
