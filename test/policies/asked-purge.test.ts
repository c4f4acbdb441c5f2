/** What stands on a ResponsePolicy to be forgotten: done once, by whoever serves the policy, and told. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type AskedPurge, MAX_ASKED_PURGES, PURGE_ANNOTATION } from '../../src/value/asked-purges.ts';
import { CachedSite, cached, FRESH, site } from './cached-site.ts';

const asking = (purges: AskedPurge[] | string, more: object = {}, name = 'kept'): object => {
  const policy = cached(more, name) as { metadata: object };
  const text = typeof purges === 'string' ? purges : JSON.stringify(purges);
  return { ...policy, metadata: { ...policy.metadata, annotations: { [PURGE_ANNOTATION]: text } } };
};

const purged = (tested: CachedSite): Array<string | undefined> =>
  tested.rig.report().items.flatMap(({ kind, status }) => {
    if (kind !== 'ResponsePolicy') return [];
    const { ancestors } = status as { ancestors: Array<{ conditions: Array<Record<string, string>> }> };
    return ancestors.map(({ conditions }) => {
      const found = conditions.find(({ type }) => type === 'Purged');
      return found && `${found.status} ${found.reason} ${found.message}`;
    });
  });

describe('what stands on a policy', () => {
  const tested = new CachedSite();
  const isKept = async (path: string, host = 'a.example') =>
    (await tested.ask(path, { host })).headers['cache-status']?.includes('hit') === true;

  test('is done once, and told', async () => {
    const [a, b] = [tested.at(FRESH), tested.at(FRESH)];
    await tested.texts(a, {}, { host: 'b.example' });
    await tested.texts(`${a}?x`, {});
    await tested.texts(b, {});
    expect(purged(tested)).toEqual([undefined]);
    const first = { id: 'one', host: 'a.example', target: a };
    await tested.rig.write(site(asking([first])));
    await expect.poll(() => purged(tested)).toEqual(['True Purged one: every data plane has forgotten it']);
    expect([await isKept(a), await isKept(a, 'b.example'), await isKept(`${a}?x`), await isKept(b)]).toEqual([
      ...[false, true, true, true],
    ]);
    // It is kept anew, also when another one is asked.
    const second = { id: 'two', host: 'a.example', target: a, prefix: true };
    await tested.rig.write(site(asking([first, { ...second, target: b }])));
    await expect.poll(() => purged(tested)).toEqual(['True Purged two: every data plane has forgotten it']);
    expect([await isKept(a), await isKept(`${a}?x`), await isKept(b)]).toEqual([true, true, false]);
    await tested.rig.write(site(asking([{ id: 'three' }])));
    await expect.poll(() => purged(tested)).toEqual(['True Purged three: every data plane has forgotten it']);
    expect([await isKept(a), await isKept(a, 'b.example'), await isKept(b)]).toEqual([false, false, false]);
    await tested.rig.write(site(cached()));
    await expect.poll(() => purged(tested)).toEqual([undefined]);
  });

  test('is told where it cannot be read, and nothing is forgotten', async () => {
    const path = tested.at(FRESH);
    await tested.ask(path);
    const many = Array.from({ length: MAX_ASKED_PURGES + 1 }, (_, i) => ({ id: String(i) }));
    const wrong: ReadonlyArray<readonly [text: string, why: string]> = [
      ['all', 'is no JSON list'],
      [JSON.stringify(many), `has more than ${MAX_ASKED_PURGES} purges`],
      ['[{}]', '[0]: has no id'],
      ['[{"id":"x","hosts":"a"}]', '[0]: has no member hosts'],
      ['[{"id":"x","host":"A.example"}]', '[0]: host is none'],
      ['[{"id":"x","target":"/a"}]', '[0]: a target needs the host that it is of'],
      ['[{"id":"x","host":"a","prefix":true}]', '[0]: a prefix needs a target'],
      ['[{"id":"x","at":"yesterday"}]', '[0]: at is none'],
    ];
    for (const [nth, [text, why]] of wrong.entries()) {
      // The rig waits for a change of what is served.
      await tested.rig.write(site(asking(text, { maxObjectBytes: 1_000 + nth })));
      const told = `False Invalid metadata.annotations["${PURGE_ANNOTATION}"]: ${why}`;
      await expect.poll(() => purged(tested)[0]).toContain(told);
      expect([text, await isKept(path)]).toEqual([text, true]);
    }
  });

  test('forgets nothing that another policy keeps', async () => {
    const path = tested.at(FRESH);
    await tested.rig.write(site(cached()));
    await tested.ask(path);
    const target = [{ group: '', kind: 'Service', name: 'raw' }];
    const other = { ...asking([{ id: 'theirs' }], {}, 'theirs'), spec: { targetRefs: target, cache: {} } };
    await tested.rig.write(site(cached(), other));
    expect(await isKept(path)).toBe(true);
  });
});

describe('on a disk', () => {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-asked-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const tested = new CachedSite(cached({ disk: {} }), {
    cacheDisk: { path: folder, maxBytes: 1 << 20, index: 0, workers: 1 },
  });
  const detail = async (path: string) => (await tested.ask(path)).headers['cache-status'] ?? '';
  /** What the disk has of it is whole when it can be read by another process. */
  const onDisk = (files: number) => expect.poll(() => metric('daemun_cache_disk_files')).toBe(files);
  const metric = (name: string) => tested.rig.proxy.metrics().find((one) => one.name === name)?.series[0]?.value;

  const marks = (): string[] => readdirSync(join(folder, 'done', '0-of-1'));

  test('a process that starts does what came while it did not run, and nothing twice, whatever clocks say', async () => {
    const [old, young] = [tested.at(FRESH), tested.at(FRESH)];
    await expect.poll(() => metric('daemun_cache_disk_usable')).toBe(1);
    await tested.ask(old);
    await onDisk(1);
    // Of a clock that is an hour behind: `old` is younger by it.
    const one = { id: 'one', at: new Date(Date.now() - 3_600_000).toISOString() };
    await tested.restart(site(asking([one], { disk: {} })));
    // What comes while a purge is under way is not kept on the disk: nothing tells it from what is purged.
    await expect.poll(marks).toHaveLength(1);
    expect(await detail(old)).toContain('fwd=uri-miss');
    await tested.ask(young);
    await onDisk(2);
    await tested.restart(site(asking([one], { disk: {} })));
    await expect.poll(() => metric('daemun_cache_disk_usable')).toBe(1);
    expect(await detail(old)).toContain('detail=disk');
    expect(await detail(young)).toContain('detail=disk');
    const [first] = marks();
    // Of a clock that is ahead: it was asked for all the same.
    const two = { id: 'two', at: new Date(Date.now() + 3_600_000).toISOString() };
    await tested.rig.write(site(asking([two], { disk: {} })));
    await expect.poll(() => purged(tested)).toEqual(['True Purged two: every data plane has forgotten it']);
    expect(await detail(young)).toContain('fwd=uri-miss');
    // What does not stand there any more need not be known.
    await expect.poll(marks).toEqual([expect.not.stringContaining(first!)]);
  });

  test('however many a tenant asks for, what another keeps is used', async () => {
    await tested.restart(site(cached({ disk: {} })));
    await expect.poll(() => metric('daemun_cache_disk_usable')).toBe(1);
    const path = tested.at(FRESH);
    const files = Number(metric('daemun_cache_disk_files'));
    await tested.ask(path);
    await onDisk(files + 1);
    const many = Array.from({ length: MAX_ASKED_PURGES }, (_, i) => ({
      id: `${i}`,
      host: 'a.example',
      target: `/${i}`,
    }));
    const target = [{ group: '', kind: 'Service', name: 'raw' }];
    const purges = many.map((one) => ({ ...one, prefix: true }));
    const other = { ...asking(purges, {}, 'theirs'), spec: { targetRefs: target, cache: { disk: {} } } };
    await tested.restart(site(cached({ disk: {} }), other));
    expect(await detail(path)).toContain('detail=disk');
  });
});
