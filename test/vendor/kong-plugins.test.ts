/** Each plugin of Kong that has something like it here: what it can be set to, and what of that is served. */
import { expect, test } from 'vitest';
import { admit } from '../../src/sources/admission.ts';
import { describePlugin } from '../../src/vendor/kong/plugin.suite.ts';
import { PLUGINS } from '../../src/vendor/kong/table.ts';
import { PLUGIN_CASES } from './plugin-cases.ts';

const admitted = (object: unknown): unknown => {
  const admission = admit(object);
  return admission.verdict === 'accepted' && admission.problems.length === 0 ? admission.resource : admission;
};

test('every plugin has its case', () => {
  expect(Object.keys(PLUGIN_CASES).sort()).toEqual([...PLUGINS.keys()].sort());
});

for (const [name, one] of Object.entries(PLUGIN_CASES)) describePlugin({ kind: PLUGINS.get(name)!, ...one }, admitted);
