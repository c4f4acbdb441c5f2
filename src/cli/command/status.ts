/** `daemun status`: statuses and diagnostics of a running gateway. */
import { Command } from 'commander';
import type { Report } from '../../control/index.ts';
import type { HostPort } from '../address.ts';
import { adminTokenOption } from '../admin-option.ts';
import { EXIT } from '../exit-code.ts';
import { ADMIN_DEFAULT, adminOption, outputOption, watchOption } from '../option.ts';
import type { Output } from '../report/index.ts';

interface StatusFlags {
  admin: HostPort;
  adminTokenFile?: string;
  output: Output;
  watch?: boolean;
}

const EXAMPLES = `
Examples:
  $ daemun status
  $ daemun status --admin 127.0.0.1:15001 -o yaml
  $ daemun status -o wide --watch

Exit status: 0 everything is accepted and programmed, 1 something is not or no gateway answers, 2 for a wrong command line.`;

export function statusCommand(): Command {
  return new Command('status')
    .summary('show the statuses of a running gateway')
    .description(
      'Shows what `daemun check` shows, from a running gateway: with Programmed, as its data plane acknowledged it.',
    )
    .addOption(adminOption().default(ADMIN_DEFAULT, '127.0.0.1:15000'))
    .addOption(adminTokenOption())
    .addOption(outputOption())
    .addOption(watchOption())
    .addHelpText('after', EXAMPLES)
    .action(async ({ admin, adminTokenFile: token, output, watch = false }: StatusFlags) => {
      const { askAdmin } = await import('../admin-client.ts');
      const { fileLines, printReport, refused } = await import('../report/index.ts');
      const { paintFor } = await import('../style.ts');
      const look = async (): Promise<string> => {
        const report = await askAdmin<Report>({ ...admin, token }, '/status');
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
}
