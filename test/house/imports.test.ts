/** The table of docs/architecture.md: which folder may import which. A change here is a change there. */
import { expect, test } from 'vitest';
import {
  type Import,
  importsOf,
  isProduct,
  isTypeScript,
  namesImported,
  textOf,
  treeFiles,
  valuesExported,
} from './tree.ts';

/** Folders of src/, and what each may import at all, types included. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  value: [],
  api: [],
  graph: [],
  config: ['value'],
  observe: ['value'],
  sources: ['api', 'graph', 'observe', 'value'],
  vendor: ['api', 'value'],
  translate: ['api', 'graph', 'config', 'value', 'vendor'],
  proxy: ['config', 'observe', 'value'],
  delivery: ['config', 'observe', 'value'],
  reconcile: ['api', 'observe', 'sources', 'value'],
  authority: ['delivery', 'observe', 'sources', 'value'],
  acme: ['api', 'config', 'graph', 'observe'],
  control: ['api', 'config', 'delivery', 'graph', 'observe', 'sources', 'translate', 'value'],
  admin: ['api', 'config', 'graph', 'observe', 'value'],
  cli: [
    'acme',
    'admin',
    'api',
    'authority',
    'config',
    'control',
    'delivery',
    'graph',
    'observe',
    'proxy',
    'reconcile',
    'sources',
    'translate',
    'value',
    'vendor',
  ],
};

/**
 * Inside proxy, and what each part may import at run time; types cross freely. `ground` is what the hot path stands
 * on, and is entered file by file: its values are inlined there. So is `match`.
 */
const PROXY_PARTS: Readonly<Record<string, readonly string[]>> = {
  ground: [],
  match: ['ground'],
  redis: ['ground'],
  disk: [],
  turns: [],
  names: [],
  state: ['redis', 'disk', 'turns', 'names', 'ground'],
  probe: ['turns', 'state', 'ground'],
  upstream: ['probe', 'state', 'names', 'match', 'ground'],
  filter: ['state', 'redis', 'disk', 'match', 'ground'],
  listen: ['ground'],
  route: ['filter', 'match', 'ground'],
  http: ['filter', 'upstream', 'ground'],
  stream: ['route', 'ground'],
  rehearsal: ['http', 'filter', 'state', 'route', 'ground'],
  server: ['http', 'filter', 'stream', 'listen', 'route', 'upstream', 'state', 'names', 'ground'],
  index: ['server'],
};

/**
 * What may be entered from outside its folder besides an index.ts and the ground: contracts that the hot path inlines.
 */
const ENTRANCES = ['filter/filter.ts', 'filter/header-patch.ts', 'filter/watch.ts', 'upstream/connection.ts'];
/** `daemun explain` reads targets and matches without serving. */
const FROM_CLI = [
  'src/proxy/index.ts',
  'src/proxy/http/index.ts',
  'src/proxy/rehearsal/index.ts',
  'src/proxy/route/index.ts',
  'src/proxy/stream/index.ts',
];

const PRODUCT = treeFiles().filter(isProduct);
const IMPORTS = PRODUCT.flatMap(importsOf);
const OWN = IMPORTS.filter((one) => one.to.startsWith('src/'));
const show = (one: Import): string => `${one.from} imports ${one.to}`;

function folderOf(path: string): string {
  return path.split('/')[1]!;
}

function proxyPartOf(path: string): string {
  const inside = path.slice('src/proxy/'.length);
  return inside.includes('/') ? inside.slice(0, inside.indexOf('/')) : 'index';
}

test('every folder stands in the table', () => {
  expect([...new Set(PRODUCT.map(folderOf))].sort()).toEqual(Object.keys(FOLDERS).sort());
  const parts = new Set(PRODUCT.filter((path) => path.startsWith('src/proxy/')).map(proxyPartOf));
  expect([...parts].sort()).toEqual(Object.keys(PROXY_PARTS).sort());
});

test('the table itself has no cycle, so that what it forbids is not reached through others', () => {
  const closed = (table: Readonly<Record<string, readonly string[]>>): string[] =>
    Object.keys(table).filter((name) => reach(name, (one) => table[one] ?? []).has(name));
  expect(closed(FOLDERS)).toEqual([]);
  expect(closed(PROXY_PARTS)).toEqual([]);
});

test('folders import only what the table allows', () => {
  const strays = OWN.filter(({ from, to }) => {
    const [here, there] = [folderOf(from), folderOf(to)];
    return here !== there && !FOLDERS[here]?.includes(there);
  });
  expect(strays.map(show)).toEqual([]);
});

test('parts of the proxy import only what the table allows', () => {
  const strays = OWN.filter(({ from, to, form }) => {
    if (form === 'type' || !from.startsWith('src/proxy/') || !to.startsWith('src/proxy/')) return false;
    const [here, there] = [proxyPartOf(from), proxyPartOf(to)];
    return here !== there && !PROXY_PARTS[here]?.includes(there);
  });
  expect(strays.map(show)).toEqual([]);
});

/** Inside translate, and what each part may import at run time; types cross freely. */
const TRANSLATE_PARTS: Readonly<Record<string, readonly string[]>> = {
  verdict: [],
  gateway: ['verdict'],
  kong: ['verdict'],
  policy: ['verdict', 'gateway', 'kong'],
  backend: ['verdict', 'gateway', 'policy'],
  route: ['verdict', 'gateway', 'kong', 'backend'],
  status: ['verdict', 'gateway', 'policy', 'backend', 'route'],
};

test('parts of the translation import only what the table allows', () => {
  const partOf = (path: string): string | undefined => /^src\/translate\/([^/]+)\//.exec(path)?.[1];
  const strays = OWN.filter(({ from, to, form }) => {
    const [here, there] = [partOf(from), partOf(to)];
    if (form === 'type' || here === undefined || there === undefined || here === there) return false;
    return !TRANSLATE_PARTS[here]?.includes(there);
  });
  expect(strays.map(show)).toEqual([]);
});

test('folders are entered through their index', () => {
  const strays = OWN.filter(({ from, to, form }) => {
    if (folderOf(from) !== folderOf(to)) return to.startsWith('src/proxy/') ? !FROM_CLI.includes(to) : deep(from, to);
    if (!from.startsWith('src/proxy/') || form === 'type') return false;
    return sectionOf(from) !== sectionOf(to) && sectionOf(to) !== 'proxy' && deep(from, to);
  });
  expect(strays.map(show)).toEqual([]);

  function deep(from: string, to: string): boolean {
    if (
      to.endsWith('/index.ts') ||
      to.startsWith('src/proxy/ground/') ||
      to.startsWith('src/proxy/match/') ||
      to.startsWith('src/value/') ||
      ENTRANCES.some((path) => to === `src/proxy/${path}`)
    )
      return false;
    // The proxy's own index stands at the top, above its parts.
    return (
      from !== 'src/proxy/index.ts' && !(from.startsWith('src/proxy/stream/') && to === 'src/proxy/route/weight.ts')
    );
  }
  function sectionOf(path: string): string {
    return path.split('/').slice(1, -1).slice(0, 2).join('/');
  }
});

test('files import one another in no circle, also not by types', () => {
  const next = Map.groupBy(OWN, ({ from }) => from);
  const closed = PRODUCT.filter((path) => reach(path, (one) => next.get(one)?.map(({ to }) => to) ?? []).has(path));
  expect(closed).toEqual([]);
});

/** Names of numbers of which some are looked for only by their place. */
const ENUMERATIONS = ['src/proxy/http/h1/field-kind.ts'];

test('what is exported is used somewhere', () => {
  const asked = new Set(treeFiles().filter(isTypeScript).flatMap(namesImported));
  const unused = PRODUCT.filter((path) => !ENUMERATIONS.includes(path)).flatMap((path) => {
    const text = textOf(path);
    // A name that its own file uses may be exported for what it says: a limit, the type of a parameter.
    return valuesExported(path)
      .filter((name) => !asked.has(`${path} ${name}`) && text.split(new RegExp(`\\b${name}\\b`)).length <= 2)
      .map((name) => `${path} ${name}`);
  });
  expect(unused).toEqual([]);
});

test('filters know no other filter', () => {
  const families = PRODUCT.filter((path) => path.startsWith('src/proxy/filter/'));
  const registry = OWN.filter(({ from }) => from === 'src/proxy/filter/registry.ts').map(({ to }) => to);
  const contract = ['filter.ts', 'header-patch.ts'].map((name) => `src/proxy/filter/${name}`);
  const filters = registry.filter((path) => families.includes(path) && !contract.includes(path));
  expect(filters.length).toBeGreaterThanOrEqual(6);
  const strays = OWN.filter(({ from, to }) => filters.includes(from) && filters.includes(to));
  expect(strays.map(show)).toEqual([]);
});

test('translate asks neither the machine nor the clock nor chance', () => {
  const pure = ['node:assert', 'node:crypto', 'node:net', 're2js'];
  const strays = IMPORTS.filter(
    ({ from, to }) => from.startsWith('src/translate/') && !to.startsWith('src/') && !pure.includes(to),
  );
  expect(strays.map(show)).toEqual([]);
});

test('api imports nothing at all', () => {
  const strays = IMPORTS.filter(({ from, to }) => from.startsWith('src/api/') && !to.startsWith('src/api/'));
  expect(strays.map(show)).toEqual([]);
});

test('a worker loads the data plane and no reader of manifests', () => {
  const reached = loadedBy('src/cli/worker.ts');
  const allowed = ['src/cli', 'src/config', 'src/delivery', 'src/observe', 'src/proxy', 'src/value'];
  expect(
    reached.filter((path) => path.startsWith('src/') && !allowed.includes(path.split('/').slice(0, 2).join('/'))),
  ).toEqual([]);
  expect(reached.filter((path) => ['yaml', 'commander', 'ws', '@peculiar/x509'].includes(path))).toEqual([]);
});

test('nothing that runs for long imports node:http by name, which takes 4 MiB', () => {
  const entries = ['worker', 'serve', 'serve-dataplane', 'cluster-run', 'controller-run'];
  for (const entry of entries) expect(loadedBy(`src/cli/${entry}.ts`), entry).not.toContain('node:http');
});

test('the parent of a data plane loads neither translation nor control, and no reader of manifests', () => {
  const reached = ['src/cli/serve-dataplane.ts', 'src/cli/command/dataplane.ts'].flatMap(loadedBy);
  const allowed = ['src/admin', 'src/cli', 'src/config', 'src/delivery', 'src/observe', 'src/value'];
  expect(
    reached.filter((path) => path.startsWith('src/') && !allowed.includes(path.split('/').slice(0, 2).join('/'))),
  ).toEqual([]);
  expect(reached.filter((path) => ['yaml', 'ws', '@peculiar/x509'].includes(path))).toEqual([]);
});

test('the command says its version with nothing loaded but the command line', () => {
  const reached = loadedBy('src/cli/main.ts');
  expect(reached.filter((path) => !path.startsWith('src/') && !path.startsWith('node:'))).toEqual(['commander']);
  // What flags are written in is read by the files that read it in manifests.
  const own = ['src/cli/', 'src/value/'];
  expect(reached.filter((path) => path.startsWith('src/') && !own.some((start) => path.startsWith(start)))).toEqual([]);
});

test('what is imported at run time stands among the dependencies, and each dependency is imported', async () => {
  const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
  const packages = IMPORTS.filter(
    ({ to, form }) => form !== 'type' && !to.startsWith('src/') && !to.startsWith('node:'),
  );
  const names = packages.map(({ to }) =>
    to
      .split('/')
      .slice(0, to.startsWith('@') ? 2 : 1)
      .join('/'),
  );
  expect([...new Set(names)].sort()).toEqual(Object.keys(manifest.dependencies).sort());
});

/** Everything that is loaded when this file is. */
function loadedBy(path: string): string[] {
  const next = (one: string): string[] =>
    IMPORTS.filter(({ from, form }) => from === one && form === 'value').map(({ to }) => to);
  return [...reach(path, next)];
}

/** What can be reached from here in one step or more. */
function reach(start: string, next: (one: string) => readonly string[]): Set<string> {
  const reached = new Set<string>();
  const open = [...next(start)];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (reached.has(one)) continue;
    reached.add(one);
    open.push(...next(one));
  }
  return reached;
}
