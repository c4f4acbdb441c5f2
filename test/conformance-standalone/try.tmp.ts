import { runCase } from '/work/main/test/conformance-standalone/case.ts';
import { loadSuite } from '/work/main/test/conformance-standalone/suite.ts';
import { makeMaterial } from '/work/main/test/conformance-standalone/material.ts';
import { readdirSync } from 'node:fs';
const suite = await loadSuite((process.env.V ?? 'v1.6.3') as never);
if ('missing' in suite) throw new Error(suite.missing);
const material = await makeMaterial();
const cases: any[] = [];
for (const f of readdirSync('/work/main/test/conformance-standalone/cases')) {
  const m = await import('/work/main/test/conformance-standalone/cases/' + f);
  for (const v of Object.values(m)) if (Array.isArray(v)) cases.push(...v);
}
const only = process.argv[2] ? new RegExp(process.argv[2]) : /./;
let bad = 0;
for (const c of cases) {
  if (!only.test(c.test) || !suite.tests.has(c.test) || (c.only ?? suite.version) !== suite.version) continue;
  const t = performance.now();
  try { await runCase(c, { suite, material }); console.log('ok', c.test, Math.round(performance.now() - t)); }
  catch (e: any) { bad++; console.log('FAIL', c.test, String(e?.message ?? e).split('\n').slice(0, 12).join('\n   ')); if (process.env.STACK) console.log(e.stack); }
}
console.log([...suite.tests.keys()].filter((n) => !cases.some((c) => c.test === n)).length, 'without case;', bad, 'bad');
if (process.env.LIST) console.log([...suite.tests.keys()].filter((n) => !cases.some((c) => c.test === n)).join(' '));
process.exit(0);
