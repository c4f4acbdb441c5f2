/** The official conformance suite as Go's module cache holds it: read where it is, never copied. */
import { goModule } from '../crd/go-module.ts';

const MODULE = 'sigs.k8s.io/gateway-api/conformance';

/** The one that the official run is pinned at, and the latest, whose features and manifests must be served as well. */
export const VERSIONS = ['v1.6.3', 'v1.7.0'] as const;
export type Version = (typeof VERSIONS)[number];

export interface SuiteTest {
  /** The suite's short name. */
  name: string;
  features: string[];
  /** YAML of its manifests, in their order. */
  manifests: string;
}

export interface Suite {
  version: Version;
  /** Namespaces, Gateways, Services and Deployments that every test relies on. */
  base: string;
  /** By short name; those for meshes left out. */
  tests: Map<string, SuiteTest>;
}

/** The suite, or why it is not to be had here. */
export async function loadSuite(version: Version): Promise<Suite | { missing: string }> {
  const found = await goModule(
    `${MODULE}@${version}`,
    (path) => path === 'base/manifests.yaml' || /^tests\/[^/]+$/.test(path),
  );
  if ('missing' in found) return found;
  const tests = new Map<string, SuiteTest>();
  for (const [path, text] of found.files) {
    if (!path.endsWith('.go')) continue;
    for (const test of readTests(text, found.files)) tests.set(test.name, test);
  }
  return { version, base: found.files.get('base/manifests.yaml') ?? '', tests };
}

/** Each test is a literal that names itself, its features and its manifests, in any order, before its function. */
function* readTests(text: string, files: ReadonlyMap<string, string>): Generator<SuiteTest> {
  const [, ...literals] = text.split(/ConformanceTest\{\n/);
  for (const literal of literals) {
    const [, name] = /ShortName:\s*"([^"]+)"/.exec(literal) ?? [];
    if (name === undefined) continue;
    const head = literal.slice(0, literal.search(/\n\s*Test:/));
    const features = [...head.matchAll(/features\.Support(\w+)/g)].map(([, feature]) => feature!);
    const paths = [...head.matchAll(/"(tests\/[^"]+\.yaml)"/g)].map(([, path]) => path!);
    yield { name, features, manifests: paths.map((path) => files.get(path) ?? '').join('\n---\n') };
  }
}
