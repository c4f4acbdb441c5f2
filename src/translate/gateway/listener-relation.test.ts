/** Conflicts, overlaps and taken hosts are found by port, owner and host: they are what a look at all listeners would find. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Collection, derive, SourceCollection } from '../../graph/index.ts';
import type { Graph } from '../stage.ts';
import type { Problem } from '../verdict/problem.ts';
import { type DeclaredListener, ownerKey } from './declared.ts';
import { ANY_HOST } from './hostnames.ts';
import { conflictsOf, slotOf } from './listener-conflict.ts';
import { deriveConflicts } from './port-holder.ts';
import { deriveHostRelations, type HostRelations } from './standing-host.ts';
import { overlapsOf, widerHosts } from './tls-overlap.ts';

const HOSTS = [undefined, '*.example.com', '*.a.example.com', 'a.example.com', 'b.a.example.com', 'B.a.example.com'];

/** An owner by its number, so that the same one always has the same age. */
const listener = fc
  .record({
    owner: fc.integer({ min: 0, max: 4 }),
    name: fc.constantFrom('a', 'b', 'c'),
    port: fc.constantFrom(80, 443),
    protocol: fc.constantFrom('HTTP', 'HTTP', 'HTTPS', 'HTTPS', 'TLS', 'TCP', 'UDP', 'example.com/quic'),
    hostname: fc.constantFrom(...HOSTS),
  })
  .map(({ owner, name, port, protocol, hostname }): DeclaredListener => {
    const of = owner === 0 ? 'd/g' : `d/g/d/s${owner}`;
    return {
      key: `${of}/${name}`,
      gateway: 'd/g',
      owner: {
        kind: owner === 0 ? 'Gateway' : 'ListenerSet',
        namespace: 'd',
        name: owner === 0 ? 'g' : `s${owner}`,
        created: ['', '2026-01-05T00:00:00Z', '2026-01-02T00:00:00Z', '', '2026-01-02T00:00:00Z'][owner]!,
      },
      position: name.charCodeAt(0) - 97,
      issuers: [],
      spec: { name, port, protocol, ...(hostname === undefined ? {} : { hostname }) } as DeclaredListener['spec'],
    };
  });
const step = fc.array(fc.tuple(listener, fc.boolean()), { minLength: 1, maxLength: 6 });

interface Related extends HostRelations {
  declared: SourceCollection<DeclaredListener>;
  conflicts: Collection<Problem>;
}

function related(): Related {
  const graph = { derive } as Graph;
  const declared = new SourceCollection<DeclaredListener>('declared');
  const conflicts = deriveConflicts(graph, declared);
  return { declared, conflicts, ...deriveHostRelations(graph, declared, conflicts) };
}

const sorted = <V>(entries: Iterable<[string, V]>): Array<[string, V]> =>
  Array.from(entries).sort(([a], [b]) => (a < b ? -1 : 1));

/** Named as overlaps are told of. */
const names = (found: Iterable<[string, Pick<DeclaredListener, 'key'>]>) =>
  sorted(found).map(([key, other]) => `${key} with ${other.key}`);

describe('listeners of a Gateway and its ListenerSets, after any history', () => {
  it('have the conflicts that a look at all of them finds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const { declared, conflicts, overlaps, taken } = related();
        for (const changes of steps) {
          declared.apply(changes.map(([value, stays]) => (stays ? { key: value.key, value } : { key: value.key })));
          const all = sorted(declared.entries()).map(([, one]) => one);
          expect(sorted(conflicts.entries())).toEqual(sorted(conflictsOf(all)));
          const standing = all.filter(({ key }) => conflicts.get(key) === undefined);
          expect(names(overlaps.entries())).toEqual(names(overlapsOf(standing)));
          expect(sorted(taken.entries()).map(([key, text]) => [key, text])).toEqual(sorted(takenAmong(standing)));
        }
      }),
      { numRuns: 400 },
    );
  });

  it('count those that take hosts, beyond the first that are named, without their own', () => {
    const { declared, taken } = related();
    const made = (owner: number, name: string, hostname: string): DeclaredListener => ({
      key: `d/g/d/s${owner}/${name}`,
      gateway: 'd/g',
      owner: { kind: 'ListenerSet', namespace: 'd', name: `s${owner}`, created: '' },
      position: 0,
      issuers: [],
      spec: { name, port: 80, protocol: 'HTTP', hostname } as DeclaredListener['spec'],
    });
    const own = Array.from({ length: 63 }, (_, at) => made(0, `own-${at}`, `own-${at}.example.com`));
    const others = Array.from({ length: 100 }, (_, at) => made(at + 1, 'http', `h${at}.example.com`));
    for (const one of [made(0, 'wide', '*.example.com'), ...own, ...others]) {
      declared.apply([{ key: one.key, value: one }]);
    }
    const said = taken.get('d/g/d/s0/wide')!;
    expect(said).toContain('h0.example.com by listener http of ListenerSet d/s1, ');
    expect(said).not.toContain('own-');
    expect(said.endsWith(', and 96 more')).toBe(true);
  });
});

/** By a look at each pair. */
function takenAmong(standing: ReadonlyArray<DeclaredListener>): Array<[string, string]> {
  const slots = standing.flatMap((one) => {
    const slot = slotOf(one);
    return slot?.family === 'plain' || slot?.family === 'tls' ? [{ one, slot }] : [];
  });
  return slots.flatMap(({ one: wide, slot: { hostname, port } }): Array<[string, string]> => {
    const takers = slots.filter(
      ({ one, slot }) =>
        slot.port === port &&
        slot.hostname !== ANY_HOST &&
        widerHosts(slot.hostname).includes(hostname) &&
        ownerKey(one.owner) !== ownerKey(wide.owner),
    );
    const named = takers.slice(0, 4).map(({ one, slot }) => {
      const { kind, namespace, name } = one.owner;
      return `${slot.hostname} by listener ${one.spec.name} of ${kind} ${namespace}/${name}`;
    });
    const more = takers.length > 4 ? `, and ${takers.length - 4} more` : '';
    return named.length === 0
      ? []
      : [[wide.key, `more specific listeners take hosts of it: ${named.join(', ')}${more}`]];
  });
}
