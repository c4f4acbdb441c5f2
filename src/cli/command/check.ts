/** `daemun check`: statuses and diagnostics of manifests, without serving. */
import { Command, Option } from 'commander';
import { afterOptions } from '../after-options.ts';
import { certificateOption, readCertificates } from '../certificate-flag.ts';
import { asksForCluster, type ClusterFlags, clusterOptions } from '../cluster-option.ts';
import { EXIT } from '../exit-code.ts';
import {
  CLUSTER_CONTROLLER,
  controllerOption,
  filesOption,
  namedPaths,
  type Output,
  outputOption,
  pathsArgument,
  watchOption,
} from '../option.ts';

interface CheckFlags extends ClusterFlags {
  file?: string[];
  output: Output;
  watch?: boolean;
  strict?: boolean;
  controllerName?: string[];
  certificate?: string[];
  suggest?: boolean;
}

const EXAMPLES = `
Examples:
  $ daemun check manifests/
  $ daemun check -f gateway.yaml -f routes/ --watch
  $ daemun check -f new.yaml --context production
  $ daemun check --suggest manifests/ -o yaml > ours.yaml
  $ kustomize build . | daemun check -f - -o json | jq '.diagnostics[]'

Exit status: 0 everything is accepted, perhaps with warnings; 1 something is not, or there is an error (with --strict
also a field or kind that is not read); 2 for a wrong command line.`;

/** What the API's own defaults say where a condition never changed: equal manifests are told in equal words. */
const NO_TIME = new Date(0);

async function suggest({ output, watch, ...flags }: CheckFlags, paths: string[], asked: Command): Promise<void> {
  if (watch) asked.error('error: --watch does not go with --suggest');
  const { printSuggestions } = await import('../suggestion.ts');
  const { paintFor } = await import('../style.ts');
  const { errorLine } = await import('../error-text.ts');
  const { kubeconfig, context, namespace } = flags;
  const place = { kubeconfig, context, namespace };
  const { text, troubles } = await printSuggestions({ ...place, paths, output, paint: paintFor(process.stdout) });
  for (const trouble of troubles) process.stderr.write(errorLine(trouble));
  process.exitCode = troubles.length > 0 ? EXIT.refused : EXIT.ok;
  process.stdout.write(text);
}

export function checkCommand(): Command {
  const command = new Command('check')
    .summary('show the statuses of manifests without serving them')
    .description(
      'Validates manifests as an API server does, and shows the statuses that a cluster would show.\n' +
        'With --kubeconfig, --context or -n: what they would change in that cluster, and what they would hurt.',
    )
    .addArgument(pathsArgument())
    .addOption(filesOption())
    .addOption(outputOption())
    .addOption(watchOption())
    .addOption(new Option('--strict', 'fields and kinds that are not read are errors, as with kubectl'))
    .addOption(controllerOption(`all, of a cluster ${CLUSTER_CONTROLLER}`))
    .addOption(certificateOption())
    .addOption(
      new Option('--suggest', 'what to write in the place of objects of Kong, NGINX Gateway Fabric and Envoy Gateway'),
    )
    .addHelpText('after', afterOptions(EXAMPLES))
    .action(async (words: string[], flags: CheckFlags, asked: Command) => {
      const { output, watch = false, strict = false, controllerName, certificate } = flags;
      const paths = namedPaths(words, flags.file, asked);
      if (flags.suggest) return await suggest(flags, paths, asked);
      const { openPipeline } = await import('../../control/index.ts');
      const { fileLines, printReport, refused } = await import('../report/index.ts');
      const { paintFor } = await import('../style.ts');
      const { manifestSource } = await import('../manifest-source.ts');
      const { CertificateFiles } = await import('../../sources/index.ts');
      const certificates = new CertificateFiles(await readCertificates(certificate, asked));
      await certificates.start();
      if (!watch) certificates.stop();
      const view = { served: false, paint: paintFor(process.stdout), lineOf: fileLines() };
      if (asksForCluster(flags)) {
        if (watch) asked.error('error: --watch goes with manifests alone, not with a cluster');
        const { clusterReport } = await import('../cluster-check.ts');
        const { kubeconfig, context, namespace } = flags;
        const options = { strict, transitionTime: NO_TIME, provided: [certificates.collection] };
        const place = { kubeconfig, context, namespace, controllerNames: controllerName ?? [CLUSTER_CONTROLLER] };
        const report = await clusterReport({ ...place, paths, options });
        process.exitCode = refused(report, view) ? EXIT.refused : EXIT.ok;
        process.stdout.write(await printReport(report, output, view));
        return;
      }
      const source = manifestSource({ paths, watch, endpoints: [] });
      const pipeline = openPipeline({
        source,
        controllerNames: controllerName,
        acme: false,
        provided: [certificates.collection],
        strict,
        unmeant: true,
        bareServices: 'info',
        nothing: 'error',
        transitionTime: NO_TIME,
      });
      await pipeline.source.ready;
      const look = async (): Promise<string> => {
        const report = pipeline.report();
        process.exitCode = refused(report, view) ? EXIT.refused : EXIT.ok;
        return await printReport(report, output, view);
      };
      if (!watch) {
        await pipeline.source.close();
        process.stdout.write(await look());
        return;
      }
      const onChange = (again: () => void): (() => void) => {
        const ends = [pipeline.source.onReload?.(again), certificates.collection.subscribe(again)];
        return () => {
          for (const end of ends) end?.();
        };
      };
      const { watchOutput } = await import('../watch-output.ts');
      await watchOutput(look, { output, onChange });
      certificates.stop();
      await pipeline.source.close();
    });
  for (const option of clusterOptions()) command.addOption(option);
  return command;
}
