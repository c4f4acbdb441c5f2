/** Whatever guards has its row in the table of failures: a new one does not come without it. */
import { expect, test } from 'vitest';
import { KINDS, type Kind } from '../../src/api/index.ts';
import { POLICY_TYPES } from '../../src/config/index.ts';
import { SCHEMAS } from '../../src/sources/schema/index.ts';
import type { Schema } from '../../src/sources/schema/schema.ts';
import { PLUGINS } from '../../src/vendor/kong/table.ts';
import { GUARDS } from '../guards/table.ts';

const ROWS = new Set(GUARDS.map(({ of }) => of));

/** Names of the fields at a place of a kind's schema; `[]`: of a list's items. */
function fieldsAt(kind: Kind, ...path: string[]): string[] {
  let at: Schema = SCHEMAS[kind];
  for (const step of path) {
    if (step === '[]' && at.type === 'list') at = at.items;
    else if (at.type === 'object') at = at.fields[step]!.schema;
  }
  return at.type === 'object' ? Object.keys(at.fields) : [];
}

/** What says nothing by itself of who may pass. */
const SAYS_NOTHING = ['name', 'targetRefs', 'defaults', 'overrides', 'deny', 'allow', 'refusal', 'shadow'];
/** What says how a limit counts, and not what of. */
const SAYS_HOW = ['per', 'burst', 'cost', 'afterBytes', 'key', 'when', 'exempt', 'statusCode', 'dryRun'];
const guarding = (kind: Kind, ...path: string[]): string[] =>
  fieldsAt(kind, ...path)
    .filter((name) => ![...SAYS_NOTHING, ...SAYS_HOW].includes(name))
    .map((name) => `${kind} ${name}`);

test.each([
  ['each kind that guards', (Object.keys(KINDS) as Kind[]).filter((kind) => KINDS[kind].guards)],
  ['each method of an AuthenticationPolicy', guarding('AuthenticationPolicy', 'spec', 'methods', '[]')],
  ['each condition of an AccessPolicy', guarding('AccessPolicy', 'spec', 'deny', '[]')],
  ['each setting of an AccessPolicy', guarding('AccessPolicy', 'spec')],
  ['each limit of a RateLimitPolicy', guarding('RateLimitPolicy', 'spec', 'limits', '[]')],
  ['each plugin of Kong', [...PLUGINS.values()].flatMap((one) => (one.guards ? `KongPlugin ${one.plugin}` : []))],
  ['what guards in kinds that do not', ['ClientTrafficPolicy clientCertificates', 'BackendTrafficPolicy tls']],
  ['what guards in kinds of the Gateway API', ['Gateway tls.frontend', 'BackendTLSPolicy']],
  ['the filter that guards', ['ExternalAuth of a route', 'ExternalAuth of a listener']],
])('%s has its row', (_, wanted) => {
  expect(wanted.length).toBeGreaterThan(0);
  const found = [...ROWS];
  expect(wanted.filter((one) => !found.some((of) => of === one || of.startsWith(`${one} `)))).toEqual([]);
});

test('types that guard by themselves are those of the table', () => {
  const types = Object.entries(POLICY_TYPES).flatMap(([type, facts]) => ('guards' in facts ? type : []));
  expect(types).toEqual(['ClientCertificates']);
});
