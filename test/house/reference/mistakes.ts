/** docs/reference/mistakes.md: what people get wrong, and what `daemun check` says of it. */
import { Buffer } from 'node:buffer';
import { parse } from 'yaml';
import { openPipeline, type ReportedDiagnostic } from '../../../src/control/index.ts';
import { fileSource } from '../../../src/sources/index.ts';
import { Authority } from '../../tls/authority.ts';
import { textOf } from '../tree.ts';

interface Mistakes {
  base: string;
  groups: Record<string, Record<string, string>>;
}

/** The day on which the page is read. */
const TODAY = new Date('2026-01-01T00:00:00Z');

const DAY_MS = 24 * 60 * 60 * 1000;

export interface Told {
  mistake: string;
  diagnostics: ReportedDiagnostic[];
}

/** By group. */
export async function toldMistakes(): Promise<Map<string, Told[]>> {
  const { base, groups } = parse(textOf('test/house/reference/mistakes.yaml')) as Mistakes;
  const authority = await Authority.make('mistakes');
  const found = new Map<string, Told[]>([['Nothing wrong', [{ mistake: 'none', diagnostics: await checked(base) }]]]);
  for (const [group, mistakes] of Object.entries(groups)) {
    const told: Told[] = [];
    for (const [mistake, manifest] of Object.entries(mistakes)) {
      told.push({ mistake, diagnostics: await checked(`${await filled(manifest, authority)}\n---\n${base}`) });
    }
    found.set(group, told);
  }
  return found;
}

async function checked(text: string): Promise<ReportedDiagnostic[]> {
  const stdin = (async function* () {
    yield text;
  })();
  const pipeline = openPipeline({
    source: (lastGood) => fileSource({ paths: ['-'], stdin, lastGood }),
    unmeant: true,
    bareServices: 'info',
    now: () => TODAY,
  });
  await pipeline.source.ready;
  await pipeline.source.close();
  return pipeline.problems();
}

/** `(secret name type host end)` and `(gateway secret hostname)`, written out. */
async function filled(manifest: string, authority: Authority): Promise<string> {
  const [, secret] = /^\(secret (.*)\)$/m.exec(manifest) ?? [];
  const [, gateway] = /^\(gateway (.*)\)$/m.exec(manifest) ?? [];
  if (secret === undefined || gateway === undefined) return manifest;
  const [name, type, host, end] = secret.split(' ') as [string, string, string, string];
  const daysTo = (day: string) => (Date.parse(`${day}T12:00:00Z`) - Date.now()) / DAY_MS;
  const pair = await authority.sign({ dns: [host], from: daysTo('2025-01-01'), until: daysTo(end) });
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  const data = { 'tls.crt': base64(pair.certificate), 'tls.key': base64(pair.privateKey) };
  const metadata = { name, namespace: 'infra' };
  const [certificate, hostname] = gateway.split(' ');
  const tls = { certificateRefs: [{ name: certificate }] };
  const listener = { name: 'https', port: 443, protocol: 'HTTPS', hostname, tls };
  return [
    { apiVersion: 'v1', kind: 'Secret', metadata, type, data },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'secure', namespace: 'infra' },
      spec: { gatewayClassName: 'daemun', listeners: [listener] },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n');
}

export function mistakesPage(told: ReadonlyMap<string, Told[]>): string {
  const sections = [...told]
    .filter(([group]) => group !== 'Nothing wrong')
    .map(([group, mistakes]) => `## ${group}\n\n${table(mistakes)}\n`);
  return `# Mistakes

What is easily got wrong, and what \`daemun check\`, \`daemun status\` and the start of \`daemun run\` say of it. The
manifests are in [mistakes.yaml](../../test/house/reference/mistakes.yaml); \`npm run docs\` writes this page, and a test
keeps it true. Each message comes with its file, line, object and field.

An **error** means that something is not used as it is written: \`daemun check\` ends with status 1. A **warning** is used,
and most likely not meant; with warnings alone the status is 0. **info** is worth a look. With \`--strict\`, a field or kind
that nobody reads is an error, as with kubectl. The status is 2 where the command line is wrong. \`-o json\` of the same
manifests is the same each time.

A file with an error never hurts others: an object that was good before stays in use as it was. When the last error of a
file is gone, \`daemun run\` says \`fixed\`.

${sections.join('\n')}`;
}

function table(mistakes: ReadonlyArray<Told>): string {
  const rows = mistakes.map(({ mistake, diagnostics }) => {
    const said = diagnostics.map(({ severity, object, field, message }) => {
      const place = [object.replace('//', ' '), field].filter((part) => part !== '').join(' ');
      return `**${severity}**: ${escaped(message)}${place === '' ? '' : `<br>\`${place}\``}`;
    });
    return `| ${mistake} | ${said.join('<br>')} |`;
  });
  return ['| mistake | what is said |', '|---|---|', ...rows].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
