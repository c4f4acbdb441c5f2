/** docs/reference/other-gateways.md: every field that the cases have, and what is like it here. */
import { expect, test } from 'vitest';
import { Fields } from '../../src/vendor/fields.ts';
import type { Finding } from '../../src/vendor/finding.ts';
import { SITE } from '../../src/vendor/kong/plugin.suite.ts';
import { PLUGINS } from '../../src/vendor/kong/table.ts';
import { PLUGIN_CASES } from './plugin-cases.ts';
import { CASE_NAMES, suggested } from './suggested.ts';

const PAGE = new URL('../../docs/reference/other-gateways.md', import.meta.url).pathname;

const HEAD = `# What others call it

What the fields of other gateways' objects come to here, as \`daemun check --suggest\` tells it
([how](../guides/kong.md)). Made by a test from what it is asked about; what is not in the list is told by name.
`;

/** Of several entries of a list one stands for all. */
function plain(field: string): string {
  return field.replaceAll(/\[\d+\]/g, '[]');
}

/** What the cases were asked with is no part of what is served. */
const ASKED: ReadonlyArray<readonly [RegExp, string]> = [
  [/^\S+ is (no line|no path|a regular expression)/, 'one that is $1'],
  [/^an entry is no line/, 'one that is no line'],
  [/^\S+: not served$/, 'others are not served'],
  [/^\d+ ends no exchange/, 'one that ends no exchange'],
  [/^(text of nginx is not run here): .*$/, '$1; line by line it is told what is like it'],
];

function general(why: string): string {
  const [from, to] = ASKED.find(([pattern]) => pattern.test(why)) ?? [];
  return from === undefined ? why : why.replace(from, to!);
}

/** A value that is none says nothing of its field. */
function isTold({ fate, field }: Finding): boolean {
  return fate !== 'Wrong' && fate !== 'Unknown' && field !== 'kind';
}

function hereOf({ fate, ours, why }: Finding): string {
  const text =
    fate === 'Same'
      ? (ours ?? why ?? '')
      : fate === 'Differs'
        ? [ours, why].filter(Boolean).join('; ')
        : `nothing: ${general(why ?? 'told by name')}`;
  return text.replaceAll('|', '\\|');
}

/** What is served before what is not, where one field has both. */
function table(findings: readonly Finding[]): string {
  const rows = new Map<string, Set<string>>();
  for (const one of findings.filter(isTold)) {
    const key = plain(one.field);
    rows.set(key, (rows.get(key) ?? new Set()).add(hereOf(one)));
  }
  const lines = [...rows].map(([field, texts]) => `| \`${field}\` | ${[...texts].join('<br>')} |`);
  return ['| field | here |', '|---|---|', ...lines].join('\n');
}

function pluginTable(name: string): string {
  const { whole, least = {}, lost } = PLUGIN_CASES[name]!;
  const findings = [whole, ...lost.map((one) => ({ ...least, ...one }))].flatMap((config) => {
    const fields = new Fields(config, 'config');
    PLUGINS.get(name)!.read(fields, SITE);
    return fields.done();
  });
  return `### ${name}\n\n${table(findings)}\n`;
}

function kindTables(): string {
  const lines = CASE_NAMES.filter((name) => name !== 'kong').flatMap((name) => {
    const gateway = name.startsWith('nginx') ? 'NGINX Gateway Fabric' : 'Envoy Gateway';
    return suggested(name).lines.map((line) => ({ gateway, ...line }));
  });
  const byKind = Map.groupBy(
    lines.filter(isTold),
    ({ gateway, object }) => `${gateway}: ${object.slice(0, object.indexOf(' '))}`,
  );
  return [...byKind]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, all]) => `## ${kind}\n\n${table(all)}\n`)
    .join('\n');
}

test('the page says what is served', async () => {
  const plugins = [...PLUGINS.keys()].map(pluginTable).join('\n');
  await expect(`${HEAD}\n## Kong: plugins\n\n${plugins}\n${kindTables()}`).toMatchFileSnapshot(PAGE);
});
