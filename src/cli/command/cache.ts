/** `daemun cache`: what a running gateway keeps of backends' answers. */
import { Command, Option } from 'commander';
import type { CachePurge } from '../../config/index.ts';
import type { FleetPurged } from '../../delivery/index.ts';
import type { HostPort } from '../address.ts';
import { adminTokenOption } from '../admin-option.ts';
import { afterOptions } from '../after-options.ts';
import { asksForCluster, type ClusterFlags, clusterOptions } from '../cluster-option.ts';
import { EXIT } from '../exit-code.ts';
import { ADMIN_DEFAULT, adminOption, outputOption, PURGE_OUTPUTS, type PurgeOutput, usage } from '../option.ts';
import { purgedPlace } from '../purged-url.ts';

interface PurgeFlags extends ClusterFlags {
  admin?: HostPort;
  adminTokenFile?: string;
  prefix?: boolean;
  policy?: string;
  all?: boolean;
  dryRun?: boolean;
  output: PurgeOutput;
}

const EXAMPLES = `
Examples:
  $ daemun cache purge https://shop.example/news?page=2
  $ daemun cache purge --prefix https://shop.example/images/
  $ daemun cache purge --policy shop/kept --dry-run
  $ daemun cache purge --all -o json
  $ daemun cache purge --prefix https://shop.example/images/ --context production -n shop

In a cluster all data planes of all Gateways that serve a policy forget it. It takes the right to get, list and patch
ResponsePolicies of the namespaces, and reaches what policies of those keep, and nothing of others.

Exit status: 0 every worker or data plane forgot what was asked for, 1 no gateway or cluster answers or not all of them did, 2 for a wrong command line.`;

export function cacheCommand(): Command {
  return new Command('cache').summary('forget answers that a running gateway keeps').addCommand(purgeCommand());
}

function purgeCommand(): Command {
  const command = new Command('purge')
    .summary('forget answers that are kept')
    .description(
      'Has all workers of a running gateway forget answers that a ResponsePolicy keeps: of a URL as clients ask for it, ' +
        'whatever Vary, scheme or route it was kept under, of all that begin so, of a policy, or all. What is on its way ' +
        'from a backend at that moment is not kept.\n' +
        'With --kubeconfig, --context or -n of all data planes of a cluster.',
    )
    .argument('[url]', 'URL as clients ask for it; without a scheme, http')
    .addOption(new Option('--prefix', 'all URLs that begin with this one'))
    .addOption(
      new Option('--policy <namespace/name>', 'only what this ResponsePolicy keeps').argParser(usage(policyName)),
    )
    .addOption(new Option('--all', 'all that is kept'))
    .addOption(new Option('--dry-run', 'say what would be forgotten'))
    .addOption(adminOption('127.0.0.1:15000'))
    .addOption(adminTokenOption())
    .addOption(outputOption(PURGE_OUTPUTS))
    .addHelpText('after', afterOptions(EXAMPLES))
    .action(async (url: string | undefined, flags: PurgeFlags, asked: Command) => {
      const purge = purgeOf(url, flags, asked);
      const { admin = ADMIN_DEFAULT, adminTokenFile: token, output } = flags;
      const { printPurged, printPolicies } = await import('../purged-table.ts');
      const { paintFor } = await import('../style.ts');
      const view = { output, dryRun: flags.dryRun === true, paint: paintFor(process.stdout) };
      if (asksForCluster(flags)) {
        if (flags.admin !== undefined)
          asked.error('error: name either a running gateway with --admin or a cluster, not both');
        const { purgeCluster } = await import('../cluster-purge.ts');
        const { all: _all, ...place } = purge;
        const purged = await purgeCluster(flags, place);
        const isDone =
          purged.length > 0 && purged.every(({ state }) => state === 'forgotten' || state === 'would be asked');
        process.exitCode = isDone ? EXIT.ok : EXIT.refused;
        process.stdout.write(await printPolicies(purged, view));
        return;
      }
      const { askAdmin } = await import('../admin-client.ts');
      const purged = await askAdmin<FleetPurged>({ ...admin, token }, '/cache/purge', purge);
      process.exitCode = purged.unanswered.length > 0 ? EXIT.refused : EXIT.ok;
      process.stdout.write(await printPurged(purged, view));
    });
  for (const option of clusterOptions()) command.addOption(option);
  return command;
}

function policyName(text: string): string {
  if (/^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(text)) return text;
  throw new Error(`"${text}" is not NAMESPACE/NAME of a ResponsePolicy`);
}

function purgeOf(url: string | undefined, flags: PurgeFlags, command: Command): CachePurge & { all?: true } {
  const { policy, prefix, all, dryRun } = flags;
  if (all && (url ?? policy) !== undefined) command.error('error: --all, or a URL or --policy');
  if (!all && (url ?? policy) === undefined) command.error('error: name a URL or --policy, or say --all');
  if (prefix && url === undefined) command.error('error: --prefix goes with a URL');
  const more = { ...(policy === undefined ? {} : { policy }), ...(dryRun ? { dryRun } : {}) };
  if (url === undefined) return { ...(all ? { all: true } : {}), ...more };
  try {
    return { ...purgedPlace(url), ...(prefix ? { prefix } : {}), ...more };
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`);
  }
}
