/** What an API server says of itself: versions, groups and kinds. */
import type { JsonObject } from './api-object.ts';
import { groupVersion, type ServedKind } from './served-kind.ts';

/** The document at a path, or undefined where the path is none of discovery. */
export function discovery(path: string, kinds: readonly ServedKind[]): JsonObject | undefined {
  if (path === '/version') return { major: '1', minor: '36', gitVersion: 'v1.36.0' };
  if (path === '/readyz' || path === '/livez') return {};
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis') return groups(kinds);
  const match = /^\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path);
  if (match === null) return undefined;
  const wanted = match[1] === undefined ? match[2]! : `${match[1]}/${match[2]}`;
  const own = kinds.filter((served) => groupVersion(served) === wanted);
  return own.length === 0
    ? undefined
    : { kind: 'APIResourceList', groupVersion: wanted, resources: own.flatMap(entries) };
}

function groups(kinds: readonly ServedKind[]): JsonObject {
  const names = [...new Set(kinds.map(({ group }) => group))].filter((group) => group !== '');
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: names.map((name) => {
      const versions = [...new Set(kinds.filter(({ group }) => group === name).map(({ version }) => version))].map(
        (version) => ({ groupVersion: `${name}/${version}`, version }),
      );
      return { name, versions, preferredVersion: versions[0] };
    }),
  };
}

function entries({ plural, kind, namespaced, status }: ServedKind): JsonObject[] {
  const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];
  const own = { name: plural, singularName: kind.toLowerCase(), namespaced, kind, verbs };
  const statusEntry = { ...own, name: `${plural}/status`, verbs: ['get', 'patch', 'update'] };
  return status ? [own, statusEntry] : [own];
}
