/** `daemun debug`: the inside of a running gateway. */
import { Command } from 'commander';
import type { GraphView } from '../../control/index.ts';
import type { HostPort } from '../address.ts';
import { adminTokenOption } from '../admin-option.ts';
import { afterOptions } from '../after-options.ts';
import { ADMIN_DEFAULT, adminOption, GRAPH_OUTPUTS, type GraphOutput, outputOption } from '../option.ts';

interface GraphFlags {
  admin: HostPort;
  adminTokenFile?: string;
  output: GraphOutput;
}

const EXAMPLES = `
Examples:
  $ daemun debug graph
  $ daemun debug graph -o json | jq '.collections[] | select(.runs > 1000)'

Exit status: 0, 1 when no gateway answers, 2 for a wrong command line.`;

export function debugCommand(): Command {
  return new Command('debug').summary('look into a running gateway').addCommand(graphCommand());
}

function graphCommand(): Command {
  return new Command('graph')
    .summary('show what is computed of what, and how often')
    .description(
      'Shows the collections of a running gateway in the order in which a change spreads: how many objects each ' +
        'holds, how often its derivation ran, what it is computed from, and how many keys of others it read.',
    )
    .addOption(adminOption().default(ADMIN_DEFAULT, '127.0.0.1:15000'))
    .addOption(adminTokenOption())
    .addOption(outputOption(GRAPH_OUTPUTS))
    .addHelpText('after', afterOptions(EXAMPLES))
    .action(async ({ admin, adminTokenFile: token, output }: GraphFlags) => {
      const { askAdmin } = await import('../admin-client.ts');
      const { printGraph } = await import('../graph-table.ts');
      const { paintFor } = await import('../style.ts');
      const view = await askAdmin<GraphView>({ ...admin, token }, '/graph');
      process.stdout.write(await printGraph(view, output, paintFor(process.stdout)));
    });
}
