/** `daemun status`: statuses and diagnostics of a running gateway. */
import { Command } from 'commander';
import type { Report } from '../../control/index.ts';
import type { HostPort } from '../address.ts';
import { adminTokenOption } from '../admin-option.ts';
import { afterOptions } from '../after-options.ts';
import { asksForCluster, type ClusterFlags, clusterOptions } from '../cluster-option.ts';
import { EXIT } from '../exit-code.ts';
import {
  ADMIN_DEFAULT,
  adminOption,
  CLUSTER_CONTROLLER,
  controllerOption,
  type Output,
  outputOption,
  watchOption,
} from '../option.ts';

interface StatusFlags extends ClusterFlags {
  admin?: HostPort;
  controllerName?: string[];
  adminTokenFile?: string;
  output: Output;
  watch?: boolean;
}

const EXAMPLES = `
Examples:
  $ daemun status
  $ daemun status --admin 127.0.0.1:15001 -o yaml
  $ daemun status -o wide --watch
  $ daemun status --context production -n shop

Exit status: 0 everything is accepted and programmed, 1 something is not or no gateway or cluster answers, 2 for a wrong command line.`;

export function statusCommand(): Command {
  const command = new Command('status')
    .summary('show the statuses of a running gateway, or of a cluster')
    .description(
      'Shows what `daemun check` shows, from a running gateway: with Programmed, as its data plane acknowledged it.\n' +
        'With --kubeconfig, --context or -n the statuses as they stand in a cluster.',
    )
    .addOption(adminOption('127.0.0.1:15000'))
    .addOption(adminTokenOption())
    .addOption(outputOption())
    .addOption(watchOption())
    .addHelpText('after', afterOptions(EXAMPLES))
    .addOption(controllerOption(`of a cluster ${CLUSTER_CONTROLLER}`))
    .action(async (flags: StatusFlags, asked: Command) => {
      const { output, watch = false } = flags;
      const read = await reader(flags, asked);
      const { fileLines, printReport, refused } = await import('../report/index.ts');
      const { paintFor } = await import('../style.ts');
      const look = async (): Promise<string> => {
        const report = await read();
        const view = { served: true, paint: paintFor(process.stdout), lineOf: fileLines() };
        process.exitCode = refused(report, view) ? EXIT.refused : EXIT.ok;
        return await printReport(report, output, view);
      };
      if (!watch) {
        process.stdout.write(await look());
        return;
      }
      const { everySecond, watchOutput } = await import('../watch-output.ts');
      await watchOutput(look, { output, onChange: everySecond });
    });
  for (const option of clusterOptions()) command.addOption(option);
  return command;
}

async function reader(flags: StatusFlags, command: Command): Promise<() => Promise<Report>> {
  const { admin, adminTokenFile: token, controllerName = [CLUSTER_CONTROLLER] } = flags;
  if (!asksForCluster(flags)) {
    const { askAdmin } = await import('../admin-client.ts');
    return () => askAdmin<Report>({ ...(admin ?? ADMIN_DEFAULT), token }, '/status');
  }
  if (admin !== undefined) command.error('error: name either a running gateway with --admin or a cluster, not both');
  const { readCluster, rivalDiagnostics, STATUS_KINDS, statusReport, unreadDiagnostics } = await import(
    '../cluster-read.ts'
  );
  return async () => {
    let beside: Report['diagnostics'] = [];
    const source = await readCluster(flags, STATUS_KINDS, async (client) => {
      const asked = [rivalDiagnostics(client, controllerName), unreadDiagnostics(client, flags.namespace)];
      beside = (await Promise.all(asked)).flat();
    });
    const { items, diagnostics } = statusReport(source, controllerName, flags.namespace);
    return { items, diagnostics: [...diagnostics, ...beside] };
  };
}
