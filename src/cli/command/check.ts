/** `daemun check`: statuses and diagnostics of manifests, without serving. */
import { Command } from 'commander';
import { certificateOption, readCertificates } from '../certificate-flag.ts';
import { EXIT } from '../exit-code.ts';
import { controllerOption, filesOption, outputOption } from '../option.ts';
import type { Output } from '../report/index.ts';

interface CheckFlags {
  file: string[];
  output: Output;
  controllerName?: string[];
  certificate?: string[];
}

const EXAMPLES = `
Examples:
  $ daemun check -f manifests/
  $ kustomize build . | daemun check -f - -o json | jq '.diagnostics[]'

Exit status: 0 everything is accepted, 1 something is not, 2 for a wrong command line.`;

export function checkCommand(): Command {
  return new Command('check')
    .summary('show the statuses of manifests without serving them')
    .description('Validates manifests as an API server does, and shows the statuses that a cluster would show.')
    .addOption(filesOption().makeOptionMandatory())
    .addOption(outputOption())
    .addOption(controllerOption())
    .addOption(certificateOption())
    .addHelpText('after', EXAMPLES)
    .action(async ({ file, output, controllerName, certificate }: CheckFlags, asked: Command) => {
      const { openPipeline } = await import('../../control/index.ts');
      const { fileLines, printReport, refused } = await import('../report/index.ts');
      const { paintFor } = await import('../style.ts');
      const { manifestSource } = await import('../manifest-source.ts');
      const { CertificateFiles } = await import('../../sources/index.ts');
      const certificates = new CertificateFiles(await readCertificates(certificate, asked));
      await certificates.start();
      certificates.stop();
      const source = manifestSource({ paths: file, watch: false, endpoints: [] });
      const pipeline = openPipeline({ source, controllerNames: controllerName, provided: [certificates.collection] });
      await pipeline.source.ready;
      await pipeline.source.close();
      const report = pipeline.report();
      const view = { served: false, paint: paintFor(process.stdout), lineOf: fileLines() };
      process.stdout.write(await printReport(report, output, view));
      process.exitCode = refused(report, view) ? EXIT.refused : EXIT.ok;
    });
}
