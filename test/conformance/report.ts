/** Where reports lie, who they are about, and the page that shows them. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';

const ABOUT = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

/** As the Gateway API's repository names them: channel, version, mode. */
export function reportPath(folder: string, suite: string): string {
  return join(folder, suite, `experimental-${ABOUT.version}-default-report.yaml`);
}

/** The suite's flags that say whose report it is. */
export function implementation(): string[] {
  return [
    '--organization=daemun',
    '--project=daemun',
    '--url=https://daemun.dev',
    `--version=${ABOUT.version}`,
    '--contact=@daemun',
  ];
}

interface Counts {
  result: string;
  statistics: { Passed: number; Failed: number; Skipped: number };
  supportedFeatures?: string[];
  unsupportedFeatures?: string[];
}

interface Report {
  date: string;
  gatewayAPIVersion: string;
  gatewayAPIChannel: string;
  implementation: { version: string };
  profiles: Array<{ name: string; core: Counts; extended?: Counts }>;
}

/** Writes README.md in the folder: what its reports say, and how to get them. */
export function writePage(folder: string): void {
  writeFileSync(join(folder, 'README.md'), `${INTRODUCTION}\n${reportsIn(folder).map(section).join('\n')}`);
}

const INTRODUCTION = `# Conformance

Reports of the official conformance suite of the Gateway API against Daemun in a cluster (controller, and data planes for
each Gateway), in the form that the Gateway API's own repository takes. Each is made by one command, with no test left out:
all five gateway profiles, and every feature that the suite tests, which is what the status of the GatewayClass claims.

\`\`\`sh
npm run deploy:test
npm run conformance -- --suite v1.6.3
npm run conformance -- --suite v1.7.0 # in a cluster with the CRDs of v1.7.0; brings Go 1.27
\`\`\`

Of the features of v1.7.0 that the suite names and has no test of, all are claimed: ClusterTrustBundle
(\`test/tls/trust-bundle.test.ts\` is its test), GatewayListenerFilters (\`test/policies/listener-filters.test.ts\`),
GatewayAddressRoutability and GatewayAddressRoutabilityCluster (\`test/kube/infrastructure.test.ts\`, against the embedded API). A report
below may be older than this.

Without a cluster, the same scenarios run in \`npm test\`: [without a cluster](../conformance-standalone.md).
`;

function reportsIn(folder: string): Array<{ path: string; report: Report }> {
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, '.')) && name.startsWith('v'))
    .sort()
    .flatMap((suite) =>
      readdirSync(join(folder, suite))
        .filter((name) => name.endsWith('-report.yaml'))
        .map((name) => ({
          path: `${suite}/${name}`,
          report: load(readFileSync(join(folder, suite, name), 'utf8')) as Report,
        })),
    );
}

function section({ path, report }: { path: string; report: Report }): string {
  const { date, gatewayAPIVersion: version, gatewayAPIChannel: channel, profiles } = report;
  const lines = profiles.map(({ name, core, extended }) => {
    const features = extended?.supportedFeatures?.length ?? 0;
    const missing = extended?.unsupportedFeatures?.length ?? 0;
    return `| ${name} | ${counted(core)} | ${extended ? counted(extended) : ''} | ${features} | ${missing} |`;
  });
  return `## Gateway API ${version}

Daemun ${report.implementation.version}, ${channel} channel, ${String(date)}: [report](${path})

| profile | core tests | extended tests | extended features | not supported |
|---|---|---|---|---|
${lines.join('\n')}
${missingOf(report)}`;
}

/** What the suite knows the name of and the GatewayClass does not claim. */
function missingOf({ profiles }: Report): string {
  const names = [...new Set(profiles.flatMap(({ extended }) => extended?.unsupportedFeatures ?? []))].sort();
  return names.length === 0 ? '' : `\nNot supported, and without a test in the suite: ${names.join(', ')}.\n`;
}

function counted({ statistics: { Passed, Failed, Skipped } }: Counts): string {
  return `${Passed} passed, ${Failed} failed, ${Skipped} skipped`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writePage(fileURLToPath(new URL('../../docs/conformance', import.meta.url)));
}
