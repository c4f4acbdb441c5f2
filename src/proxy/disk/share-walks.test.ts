import { expect, test } from 'vitest';
import { ShareWalks } from './share-walks.ts';

test('one walk at a time; what is asked of a policy meanwhile is one, and comes behind what others asked', async () => {
  const walked: string[] = [];
  const ends: Array<() => void> = [];
  let under = 0;
  const walks = new ShareWalks<string, string>(async (policy, searches) => {
    expect(++under).toBe(1);
    walked.push(`${policy}: ${searches.join(' ')}`);
    await new Promise<void>((resolve) => ends.push(resolve));
    under--;
    if (policy === 'broken') throw new Error('no such folder');
    return searches.map((search) => `found ${search}`);
  });
  const asked = [walks.ask('a', '1')];
  for (const [policy, search] of [
    ['a', '2'],
    ['b', '3'],
    ['a', '4'],
    ['', '5'],
  ] as const)
    asked.push(walks.ask(policy, search));
  const broken = walks.ask('broken', '6');
  broken.catch(() => {});
  for (let i = 0; i < 5; i++) {
    await expect.poll(() => ends.length).toBe(i + 1);
    ends[i]!();
  }
  expect(await Promise.all(asked)).toEqual(['1', '2', '3', '4', '5'].map((search) => `found ${search}`));
  await expect(broken).rejects.toThrow('no such folder');
  expect(walked).toEqual(['a: 1', 'a: 2 4', 'b: 3', ': 5', 'broken: 6']);
  const again = walks.ask('b', '7');
  await expect.poll(() => ends.length).toBe(6);
  ends[5]!();
  expect(await again).toBe('found 7');
});
