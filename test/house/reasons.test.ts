/** Every reason that the access log can give is described. */
import { expect, test } from 'vitest';
import { ACCESS_REASONS } from '../../src/observe/reason.ts';
import { isProduct, textOf, treeFiles } from './tree.ts';

/** The places where the data plane gives one: a call that ends a request, a member, or the two types that list them. */
const GIVEN = [
  /\bfail\((?:\d+|status), '([a-z_]+)'/g,
  /#refuse\((?:\d+|status), '([a-z_]+)'/g,
  /\breason: '([a-z_]+)'/g,
  /\bcut\('([a-z_]+)'\)/g,
];
const LISTED = [/export type Failure =([^;]*);/, /export type StreamReason =([^;]*);/];

function given(): Set<string> {
  const found = new Set<string>();
  for (const path of treeFiles().filter((one) => isProduct(one) && one.startsWith('src/proxy/'))) {
    const text = textOf(path);
    for (const form of GIVEN) for (const [, reason] of text.matchAll(form)) found.add(reason!);
    for (const list of LISTED) {
      for (const [, reason] of (list.exec(text)?.[1] ?? '').matchAll(/'([a-z_]+)'/g)) found.add(reason!);
    }
  }
  return found;
}

test('what the data plane gives as a reason has a description', () => {
  const reasons = given();
  expect(reasons.size).toBeGreaterThan(30);
  expect([...reasons].filter((reason) => !Object.hasOwn(ACCESS_REASONS, reason)).sort()).toEqual([]);
});

test('docs/errors.md has a line for each reason, in their order', () => {
  const rows = textOf('docs/errors.md').match(/^\| `[a-z_]+` \| .* \|$/gm);
  expect(rows).toEqual(Object.entries(ACCESS_REASONS).map(([reason, says]) => `| \`${reason}\` | ${says} |`));
});
