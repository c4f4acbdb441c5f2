import { describe, expect, it } from 'vitest';
import type { HeaderModifier } from '../../config/index.ts';
import { HeaderPatch } from './index.ts';

const line = (text: string) => {
  const [name, value] = text.split('=');
  return { name: name!, value: value! };
};

function modifier(changes: { set?: string[]; add?: string[]; remove?: string[] }): HeaderModifier {
  return {
    set: (changes.set ?? []).map(line),
    add: (changes.add ?? []).map(line),
    remove: changes.remove ?? [],
  };
}

const patch = (changes: Parameters<typeof modifier>[0]) => HeaderPatch.of(modifier(changes));

describe('HeaderPatch', () => {
  it('drops the original of what is set or removed, and keeps that of what is added', () => {
    const { drops, text } = patch({ set: ['X-Set=1'], add: ['X-Add=2'], remove: ['X-Gone'] });
    expect([...drops].sort()).toEqual(['x-gone', 'x-set']);
    expect(text).toBe('X-Set: 1\r\nX-Add: 2\r\n');
  });

  it('lets the first of several entries for one name count, whatever the case', () => {
    expect(patch({ set: ['X-A=1', 'x-a=2'] }).text).toBe('X-A: 1\r\n');
    expect(patch({ add: ['X-A=1', 'x-a=2'] }).text).toBe('X-A: 1\r\n');
  });

  it('followed by another is the one and then the other', () => {
    const rule = patch({ set: ['a=rule', 'b=rule'], add: ['c=rule'], remove: ['d'] });
    const backend = patch({ set: ['a=backend'], add: ['c=backend', 'd=backend'], remove: ['b'] });
    const both = rule.followedBy(backend);
    expect(both.text).toBe('c: rule\r\na: backend\r\nc: backend\r\nd: backend\r\n');
    expect([...both.drops].sort()).toEqual(['a', 'b', 'd']);
  });

  it('that is empty changes nothing of the other', () => {
    const some = patch({ set: ['a=1'] });
    expect(some.followedBy(HeaderPatch.NONE)).toBe(some);
    expect(HeaderPatch.NONE.followedBy(some)).toBe(some);
    expect([HeaderPatch.NONE.isEmpty, some.isEmpty, patch({ remove: ['a'] }).isEmpty]).toEqual([true, false, false]);
  });

  it('writes values as UTF-8, one character a byte', () => {
    expect(Buffer.from(patch({ set: ['x=대문'] }).text, 'latin1').toString('utf8')).toBe('x: 대문\r\n');
  });

  it.each([
    [{ set: ['x=a\r\nEvil: 1'] }],
    [{ add: ['x=a\u0000'] }],
    [{ set: ['x y=1'] }],
    [{ set: ['=1'] }],
    [{ remove: ['x:'] }],
    [{ set: ['Transfer-Encoding=chunked'] }],
    [{ add: ['content-length=3'] }],
    [{ remove: ['Connection'] }],
    [{ set: ['Host=other.example'] }],
  ])('refuses %j', (changes) => {
    expect(() => patch(changes)).toThrow(expect.objectContaining({ code: 'DMN_CONFIG_INVALID' }));
  });
});
