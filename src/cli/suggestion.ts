/** `daemun check --suggest`: what to write in the place of other gateways' objects. */
import type { AnyResource } from '../api/index.ts';
import { ApiClient, clusterAccess, foreignObjects } from '../sources/cluster/index.ts';
import { type FileSource, fileSource, type Source } from '../sources/index.ts';
import type { JsonObject } from '../value/json-object.ts';
import { visibleText } from '../value/visible-text.ts';
import { foreignObject, type Suggestions, suggestions, VENDOR_GROUPS } from '../vendor/index.ts';
import type { ClusterFlags } from './cluster-option.ts';
import { asksForCluster } from './cluster-option.ts';
import { readCluster } from './cluster-read.ts';
import type { Output } from './option.ts';
import type { Paint, Tone } from './style.ts';
import { formatWrapped } from './wrapped-table.ts';

export interface SuggestionOutput {
  text: string;
  /** What could not be read. */
  troubles: string[];
}

export interface SuggestionAsk extends ClusterFlags {
  paths: string[];
  output: Output;
  paint: Paint;
}

export async function printSuggestions({ paths, output, paint, ...flags }: SuggestionAsk): Promise<SuggestionOutput> {
  const stdin = paths.includes('-') ? { stdin: process.stdin } : {};
  const files = fileSource({ paths, ...stdin });
  await files.ready;
  await files.close();
  const cluster = asksForCluster(flags) ? await clusterObjects(flags) : undefined;
  const own = new Map([...(cluster?.own ?? []), ...objectsOf(files)]);
  const foreign = [...(cluster?.foreign ?? []), ...files.foreign(VENDOR_GROUPS)];
  const found = suggestions(own, distinct(foreign));
  const troubles = [...files.diagnostics.values()].filter(({ severity }) => severity === 'error');
  const told = troubles.map(({ file, line, message }) => `${file}:${line}: ${message}`);
  return { text: await printed(found, output, paint), troubles: [...told, ...(cluster?.denied ?? [])] };
}

function objectsOf(source: FileSource | Source): Array<[string, AnyResource]> {
  return Object.values(source.collections).flatMap(
    (collection) => [...collection.entries()] as Array<[string, AnyResource]>,
  );
}

async function clusterObjects(flags: ClusterFlags) {
  const source = await readCluster(flags);
  const { kubeconfig, context } = flags;
  const client = new ApiClient(await clusterAccess({ kubeconfig, context }));
  try {
    const { objects, denied } = await foreignObjects(client, VENDOR_GROUPS);
    const namespaces = flags.namespace;
    const seen = objects.filter(({ metadata }) => {
      const { namespace } = metadata as { namespace?: string };
      return namespaces === undefined || namespace === undefined || namespaces.includes(namespace);
    });
    return { own: objectsOf(source), foreign: seen, denied };
  } finally {
    client.close();
  }
}

/** What stands in files comes in the place of what a cluster has. */
function distinct(values: readonly JsonObject[]) {
  const objects = values.flatMap((value) => foreignObject(value) ?? []);
  const keyed = objects.map((one) => [`${one.kind}/${one.metadata.namespace}/${one.metadata.name}`, one] as const);
  return [...new Map(keyed).values()];
}

async function printed(found: Suggestions, output: Output, paint: Paint): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify(found, undefined, 2)}\n`;
    case 'yaml': {
      const { stringify } = await import('yaml');
      const lost = found.lines
        .filter(({ fate }) => fate !== 'Same')
        // Names and values are others': none may end the comment and go on as an object.
        .map((line) => `# ${visibleText(`${line.object} ${line.field}: ${hereOf(line)}`)}\n`);
      return [
        ...lost,
        ...found.objects.map((object) => `---\n${stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })}`),
      ].join('');
    }
    case 'table':
    case 'wide':
      return table(found, paint);
  }
}

type Line = Suggestions['lines'][number];

function hereOf({ fate, ours, why }: Line): string {
  switch (fate) {
    case 'Same':
      return ours ?? why ?? '';
    case 'Differs':
      return ours === undefined ? (why ?? '') : `${ours}; ${why ?? ''}`;
    case 'Lost':
    case 'Wrong':
      return `nothing like it: ${why ?? ''}`;
    case 'Unknown':
      return why ?? 'no field that is known: what it does has to be found out';
  }
}

const TONES: Readonly<Record<Line['fate'], Tone | undefined>> = {
  Same: 'good',
  Differs: 'warning',
  Lost: 'error',
  Wrong: 'error',
  Unknown: 'error',
};

function table({ lines, objects }: Suggestions, paint: Paint): string {
  if (lines.length === 0)
    return 'No object of another gateway was found. What stands for an Ingress of ingress-nginx: docs/guides/ingress-nginx.md\n';
  const rows = lines.map((line, at) => {
    const tone = TONES[line.fate];
    // Of the fields of one object the first says whose they are.
    const object = line.object === lines[at - 1]?.object ? '' : line.object;
    return [object, line.field, { text: hereOf(line), ...(tone === undefined ? {} : { tone }) }];
  });
  const lost = lines.filter(({ fate }) => fate === 'Lost' || fate === 'Unknown' || fate === 'Wrong').length;
  const written = `${objects.length} object${objects.length === 1 ? '' : 's'} to be written: -o yaml prints them`;
  return `${formatWrapped({ head: ['OBJECT', 'FIELD', 'HERE'], rows }, paint)}\n${written}; ${lost} of ${lines.length} fields have nothing like them.\n`;
}
