import { mkdir, mkdtemp, open as openFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Change } from '../graph/index.ts';
import { MAX_FILE_BYTES } from './file-cache.ts';
import { type FileSource, type FileSourceOptions, fileSource, parseEndpointOption, type Reload } from './index.ts';

let folder: string;
const sources: FileSource[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daemun-files-'));
});
afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.close()));
  await rm(folder, { recursive: true });
});

async function open(options: Partial<FileSourceOptions> = {}): Promise<FileSource> {
  const source = fileSource({ paths: [folder], ...options });
  sources.push(source);
  await source.ready;
  return source;
}

async function put(name: string, ...documents: string[]): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, documents.join('---\n'));
  return path;
}

function configMap(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { value: "${value}" }\n`;
}

function route(name: string, hostname = 'example.com'): string {
  return [
    'apiVersion: gateway.networking.k8s.io/v1',
    'kind: HTTPRoute',
    `metadata: { name: ${name} }`,
    `spec: { hostnames: [${hostname}], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }`,
    '',
  ].join('\n');
}

/** Values of all ConfigMaps by name. */
function values(source: FileSource): Record<string, string | undefined> {
  const maps = [...source.collections.ConfigMap.values()].map((map) => [map.metadata.name, map.data?.value]);
  return Object.fromEntries(maps.sort());
}

function messages(source: FileSource): string[] {
  return [...source.diagnostics.values()]
    .map(({ severity, file, line, object, field, message }) =>
      [`${file.replace(`${folder}/`, '')}:${line}`, severity, object, field, message].join(' | '),
    )
    .sort();
}

/** Resolves after the first reload, from now on, after which the condition holds; at once if it holds already. */
function until(source: FileSource, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (holds()) return resolve();
    const stop = source.onReload(() => {
      if (!holds()) return;
      stop();
      resolve();
    });
  });
}

describe('reading', () => {
  test('takes files, folders below folders, several documents a file, lists and JSON, and leaves other files alone', async () => {
    await put('a.yaml', configMap('one', '1'), configMap('two', '2'));
    await put(
      'deep/down/b.yml',
      `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: three}}\n`,
    );
    await put('c.json', '{"apiVersion":"v1","kind":"ConfigMapList","items":[\n\t{"metadata":{"name":"four"}}]}');
    await put('notes.txt', 'not: [yaml');
    await put('.hidden.yaml', 'not: [yaml');
    const source = await open();
    expect(Object.keys(values(source))).toEqual(['four', 'one', 'three', 'two']);
    expect(messages(source)).toEqual([]);
  });

  test('reads standard input for -', async () => {
    const source = await open({ paths: ['-'], stdin: Readable.from([configMap('one', '1'), '---\nkind: 3\n']) });
    expect(values(source)).toEqual({ one: '1' });
    expect(messages(source)).toEqual([
      'stdin:6 | error |  | apiVersion | is required, such as gateway.networking.k8s.io/v1',
    ]);
  });

  test('gives namespaced objects a namespace, a generation, and the defaults of the API', async () => {
    await put('a.yaml', route('web'));
    const source = await open();
    expect(source.collections.HTTPRoute.get('HTTPRoute/default/web')).toEqual({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'web', namespace: 'default', generation: 1 },
      spec: {
        hostnames: ['example.com'],
        rules: [
          {
            matches: [{ path: { type: 'PathPrefix', value: '/' } }],
            backendRefs: [{ group: '', kind: 'Service', name: 'web', port: 80, weight: 1 }],
          },
        ],
      },
    });
  });

  test('keeps the first of two objects with one name, and names both places', async () => {
    await put('a.yaml', configMap('one', 'first'));
    await put('b.yaml', configMap('two', '2'), configMap('one', 'second'));
    const source = await open();
    expect(values(source)).toEqual({ one: 'first', two: '2' });
    const place = `${folder}/a.yaml:1`;
    expect(messages(source)).toEqual([
      `b.yaml:6 | warning | ConfigMap/default/one |  | is also in ${place}, which comes first and is used; remove one of the two`,
    ]);
  });

  test('names each foreign kind once', async () => {
    const deployment = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: a }\n';
    await put('a.yaml', deployment, deployment, 'apiVersion: serving.knative.dev/v1\nkind: Service\n');
    const source = await open();
    expect(messages(source)).toEqual([
      'a.yaml:1 | info |  |  | Deployment.apps is not a kind that is read here (2 objects)',
      'a.yaml:9 | info |  |  | Service.serving.knative.dev is not a kind that is read here',
    ]);
  });

  test('says where the annotations of an Ingress go', async () => {
    const ingress = 'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: a }\n';
    await put('a.yaml', ingress, ingress);
    const [said] = messages(await open());
    expect(said).toMatch(/^a\.yaml:1 \| info .*: write an HTTPRoute and policies; docs.*annotation \(2 objects\)$/);
  });

  test("says what to write for Kong's kinds that are not read", async () => {
    await put('a.yaml', 'apiVersion: configuration.konghq.com/v1beta1\nkind: KongUpstreamPolicy\n');
    const [said] = messages(await open());
    expect(said).toMatch(/is not a kind that is read here: write a BackendTrafficPolicy; docs\/guides\/kong\.md /);
  });

  test('says where the policies of other gateways go', async () => {
    const policy = 'apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: { name: a }\n';
    await put('a.yaml', policy, policy, 'apiVersion: gateway.nginx.org/v1alpha1\nkind: ClientSettingsPolicy\n');
    const way = 'nothing of it is in force; daemun check --suggest says what to write in its place';
    expect(messages(await open())).toEqual([
      `a.yaml:1 | info |  |  | SecurityPolicy.gateway.envoyproxy.io is not a kind that is read here: ${way} (2 objects)`,
      `a.yaml:9 | info |  |  | ClientSettingsPolicy.gateway.nginx.org is not a kind that is read here: ${way}`,
    ]);
  });

  test('reports paths that do not exist and files that are no text, and reads the others', async () => {
    await put('a.yaml', configMap('one', '1'));
    await writeFile(join(folder, 'b.yaml'), Buffer.from([0xff, 0xfe, 0x00]));
    const source = await open({ paths: [join(folder, 'missing'), folder] });
    expect(values(source)).toEqual({ one: '1' });
    expect(messages(source)).toEqual([
      'b.yaml:0 | error |  |  | is not UTF-8 text but UTF-16: save it as UTF-8',
      'missing:0 | error |  |  | there is no such file or folder',
    ]);
  });

  test('refuses a file over the limit, and reports links that lead in a circle', async () => {
    await put('a.yaml', configMap('one', '1'));
    const huge = await openFile(join(folder, 'huge.yaml'), 'w');
    await huge.truncate(MAX_FILE_BYTES + 1);
    await huge.close();
    await symlink('self.yaml', join(folder, 'self.yaml'));
    await symlink('.', join(folder, 'again'));
    await symlink('nowhere', join(folder, 'dangling.yaml'));
    const source = await open();
    expect(values(source)).toEqual({ one: '1' });
    expect(messages(source)).toEqual([
      `again:0 | info |  |  | is the folder ${folder} by another name, and is read once`,
      'huge.yaml:0 | error |  |  | is larger than 67108864 bytes; split it',
      'self.yaml:0 | error |  |  | symbolic links lead in a circle',
    ]);
  });

  test('reads a file once that two paths lead to', async () => {
    const path = await put('a.yaml', configMap('one', '1'));
    const source = await open({ paths: [folder, relative(process.cwd(), path)] });
    expect(values(source)).toEqual({ one: '1' });
    expect(messages(source)).toEqual([]);
  });

  test('turns --endpoint into slices of the Service, named by its port', async () => {
    await put(
      'a.yaml',
      'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80, name: http}]}\n',
    );
    const endpoints = ['default/web:80=127.0.0.1:3000', 'default/api:80=127.0.0.1:3001'].map(parseEndpointOption);
    const source = await open({ endpoints });
    const slices = [...source.collections.EndpointSlice.values()];
    expect(slices.map(({ metadata, ports }) => [metadata.name, ports?.[0]?.name])).toEqual([
      ['web-80-ipv4-3000', 'http'],
      ['api-80-ipv4-3001', ''],
    ]);
    expect(messages(source)).toEqual([
      '--endpoint:0 | warning | Service/default/api |  | default/api:80=127.0.0.1:3001: there is no Service default/api',
    ]);
  });
});

test('uses endpoints given by hand instead of those in files', async () => {
  const slice = (service: string): string =>
    `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: ${service}-x, labels: {kubernetes.io/service-name: ${service}}}\naddressType: IPv4\n`;
  const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n';
  await put('a.yaml', service, slice('web'), slice('api'));
  const source = await open({ endpoints: [parseEndpointOption('default/web:80=127.0.0.1:3000')] });
  expect([...source.collections.EndpointSlice.values()].map(({ metadata }) => metadata.name)).toEqual([
    'api-x',
    'web-80-ipv4-3000',
  ]);
  expect(messages(source)).toEqual([
    'a.yaml:6 | info | EndpointSlice/default/web-x |  | is not used: --endpoint gives Service default/web its endpoints',
  ]);
});

describe('quarantine', () => {
  test('leaves out what is broken from the start, and nothing else', async () => {
    await put(
      'a.yaml',
      configMap('one', '1'),
      'not: [yaml\n',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: 3 }\n',
    );
    await put('b.yaml', configMap('two', '2'));
    const source = await open();
    expect(values(source)).toEqual({ one: '1', two: '2' });
    expect(messages(source)).toEqual([
      'a.yaml:10 | error |  | metadata.name | must be a string, not number 3. Put it in quotes',
      expect.stringMatching(/^a\.yaml:6 \| error \| {2}\| {2}\| is not valid YAML: /),
    ]);
  });

  test.each([
    [
      'an object that becomes invalid',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: one }\ndata: { value: [1] }\n',
    ],
    [
      'a document that is no YAML any more',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: one }\ndata: { value: "x\n',
    ],
    ['a file that is garbage', '{{{{'],
  ])('keeps the last good form of %s, and says so', async (_, broken) => {
    await put('a.yaml', configMap('one', '1'));
    const source = await open({ watch: true });
    await put('a.yaml', broken);
    await until(source, () => source.diagnostics.size > 0);
    expect(values(source)).toEqual({ one: '1' });
    expect(messages(source).join()).toMatch(/last good form stays in use/);
    await put('a.yaml', configMap('one', '2'));
    await until(source, () => source.diagnostics.size === 0);
    expect(values(source)).toEqual({ one: '2' });
  });

  test('keeps the objects of a named file that is gone, and lets go of those of a file in a folder', async () => {
    const named = await put('named.yaml', configMap('one', '1'));
    await put('folder/b.yaml', configMap('two', '2'));
    const source = await open({ paths: [named, join(folder, 'folder')], watch: true });
    await unlink(named);
    await until(source, () => source.diagnostics.size > 0);
    expect(messages(source)).toEqual([
      'named.yaml:0 | error |  |  | there is no such file or folder; the last good form stays in use of ConfigMap/default/one',
    ]);
    await unlink(join(folder, 'folder/b.yaml'));
    await until(source, () => source.collections.ConfigMap.size === 1);
    expect(values(source)).toEqual({ one: '1' });
  });

  test('does not let a duplicate in another file take over from an object that breaks', async () => {
    await put('a.yaml', configMap('one', 'first'));
    await put('b.yaml', configMap('one', 'second'));
    const source = await open({ watch: true });
    await put('a.yaml', configMap('one', 'first').replace('\ndata:', '\ndata: []\nrest:'));
    await until(source, () => messages(source).join().includes('its last good form stays in use'));
    expect(values(source)).toEqual({ one: 'first' });
    await unlink(join(folder, 'a.yaml'));
    await until(source, () => source.diagnostics.size === 0);
    expect(values(source)).toEqual({ one: 'second' });
  });

  test('keeps what came behind the place where a file breaks off: it may be half written', async () => {
    const whole = [configMap('one', '1'), configMap('two', '2'), configMap('three', '3')] as const;
    await put('a.yaml', ...whole);
    const source = await open({ watch: true });
    await put('a.yaml', configMap('one', 'new'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: two }\nda: "');
    await until(source, () => source.diagnostics.size > 0);
    expect(values(source)).toEqual({ one: 'new', two: '2', three: '3' });
    expect(messages(source).join()).toMatch(
      /stays in use; the last good form stays in use of ConfigMap\/default\/three$/,
    );
    await put('a.yaml', whole[0], 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: two }\nda: "\n', whole[2]);
    await until(source, () => values(source).one === '1');
    await put('a.yaml', whole[0]);
    await until(source, () => source.diagnostics.size === 0);
    expect(values(source)).toEqual({ one: '1' });
  });

  test('keeps what was in a document that cannot be told any more, and takes the rest of the file', async () => {
    await put('a.yaml', configMap('one', '1'), configMap('two', '2'));
    const source = await open({ watch: true });
    await put('a.yaml', configMap('one', 'new'), ']]\n');
    await until(source, () => values(source).one === 'new');
    expect(values(source)).toEqual({ one: 'new', two: '2' });
    expect(messages(source).join()).toMatch(/last good form stays in use of ConfigMap\/default\/two$/);
  });
});

describe('hot reload', () => {
  test('sees files that are written, replaced by rename, added and removed', async () => {
    await put('a.yaml', configMap('one', '1'));
    const source = await open({ watch: true });
    await put('a.yaml', configMap('one', 'written'));
    await until(source, () => values(source).one === 'written');
    await put('.a.yaml.tmp', configMap('one', 'renamed'));
    await rename(join(folder, '.a.yaml.tmp'), join(folder, 'a.yaml'));
    await until(source, () => values(source).one === 'renamed');
    await put('b.yaml', configMap('two', '2'));
    await until(source, () => values(source).two === '2');
    await unlink(join(folder, 'a.yaml'));
    await until(source, () => values(source).one === undefined);
    expect(values(source)).toEqual({ two: '2' });
  });

  test('sees folders that appear, go, and come again', async () => {
    const source = await open({ watch: true });
    await put('new/deep/a.yaml', configMap('one', '1'));
    await until(source, () => values(source).one === '1');
    await rm(join(folder, 'new'), { recursive: true });
    await until(source, () => values(source).one === undefined);
    await put('new/deep/a.yaml', configMap('one', '2'));
    await until(source, () => values(source).one === '2');
    await put('new/deep/a.yaml', configMap('one', '3'));
    await until(source, () => values(source).one === '3');
  });

  test('waits for a path that is not there yet', async () => {
    const source = await open({ paths: [join(folder, 'later/on')], watch: true });
    expect(messages(source)).toEqual(['later/on:0 | error |  |  | there is no such file or folder']);
    await put('later/on/a.yaml', configMap('one', '1'));
    await until(source, () => values(source).one === '1' && source.diagnostics.size === 0);
  });

  test.each([
    ['the folder', ''],
    ['a file in it', 'a.yaml'],
  ])('follows the ..data symlink of a mounted ConfigMap, given %s', async (_, name) => {
    const version = async (date: string, value: string): Promise<void> => {
      await put(`..${date}/a.yaml`, configMap('one', value));
      await symlink(`..${date}`, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await version('2026_01', 'old');
    await symlink('..data/a.yaml', join(folder, 'a.yaml'));
    const source = await open({ paths: [join(folder, name)], watch: true });
    expect(values(source)).toEqual({ one: 'old' });
    await version('2026_02', 'new');
    await rm(join(folder, '..2026_01'), { recursive: true });
    await until(source, () => values(source).one === 'new');
    await version('2026_03', 'newest');
    await until(source, () => values(source).one === 'newest');
    expect(messages(source)).toEqual([]);
  });

  test('counts changes of the spec as generations, and leaves objects alone that did not change', async () => {
    await put('a.yaml', route('one'), route('two'));
    const source = await open({ watch: true });
    const two = source.collections.HTTPRoute.get('HTTPRoute/default/two');
    const seen: Array<Change<unknown>> = [];
    source.collections.HTTPRoute.subscribe((changes) => seen.push(...changes));
    await put(
      'a.yaml',
      '# a comment moves all lines\n',
      route('one', 'changed.example.com'),
      `# another\n${route('two')}`,
    );
    await until(source, () => seen.length > 0);
    expect(seen.map(({ key }) => key)).toEqual(['HTTPRoute/default/one']);
    expect(source.collections.HTTPRoute.get('HTTPRoute/default/one')?.metadata.generation).toBe(2);
    expect(source.collections.HTTPRoute.get('HTTPRoute/default/two')).toBe(two);
    await put(
      'a.yaml',
      route('one', 'changed.example.com').replace('name: one', 'name: one, labels: { a: b }'),
      route('two'),
    );
    await until(source, () => seen.length > 1);
    expect(source.collections.HTTPRoute.get('HTTPRoute/default/one')?.metadata).toMatchObject({
      generation: 2,
      labels: { a: 'b' },
    });
  });

  test('parses only the document that changed, among a thousand in one file', async () => {
    const documents = Array.from({ length: 1000 }, (_, i) => route(`r${i}`));
    await put('a.yaml', ...documents);
    await put('b.yaml', configMap('one', '1'));
    const source = await open({ watch: true });
    const reloads: Reload[] = [];
    source.onReload((reload) => reloads.push(reload));
    documents[500] = route('r500', 'changed.example.com');
    await put('a.yaml', ...documents);
    await until(source, () => source.collections.HTTPRoute.get('HTTPRoute/default/r500')?.metadata.generation === 2);
    const parsed = reloads.reduce((sum, reload) => sum + reload.parsed, 0);
    const changed = reloads.reduce((sum, reload) => sum + reload.changed, 0);
    // A write may be seen half done: then the cut document is parsed too, and no object is lost over it.
    expect(parsed).toBeLessThanOrEqual(3);
    expect(changed).toBe(1);
  });

  test('does not take a file for empty that is just being written', async () => {
    const path = await put('a.yaml', configMap('one', '1'));
    const source = await open({ watch: true });
    const sizes: number[] = [];
    source.collections.ConfigMap.subscribe(() => sizes.push(source.collections.ConfigMap.size));
    const file = await openFile(path, 'w');
    // Others' changes make the source look while the file is empty.
    await put('b.yaml', configMap('two', '2'));
    await file.writeFile(configMap('one', 'new'));
    await file.close();
    await until(source, () => values(source).one === 'new' && values(source).two === '2');
    expect(Math.min(...sizes)).toBeGreaterThan(0);
  });

  test('reaches other objects as one batch, however many files a change spans', async () => {
    const source = await open({ watch: true });
    const batches: number[] = [];
    source.collections.ConfigMap.subscribe((changes) => batches.push(changes.length));
    await mkdir(join(folder, '.staged'));
    for (let i = 0; i < 20; i++) await put(`.staged/${i}.yaml`, configMap(`m${i}`, '1'));
    await rename(join(folder, '.staged'), join(folder, 'live'));
    await until(source, () => source.collections.ConfigMap.size === 20);
    expect(batches).toEqual([20]);
  });
});
