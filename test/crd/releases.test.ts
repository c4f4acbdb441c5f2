/**
 * What each release of the Gateway API's CRDs, in each channel, does not have of what is read here: the page says it, and
 * Go's module cache gives the CRDs.
 */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { GATEWAY_GROUP, KINDS, type Kind } from '../../src/api/index.ts';
import { lackingIn } from '../../src/sources/cluster/crd-fields.ts';
import { goModule } from './go-module.ts';

const RELEASES = ['v1.1.0', 'v1.2.1', 'v1.3.0', 'v1.4.0', 'v1.5.0', 'v1.6.3', 'v1.7.0'];
const CHANNELS = ['standard', 'experimental'] as const;
const CRD = /^config\/crd\/(standard|experimental)\/gateway\.networking\.k8s\.io_(?!vap)\w+\.yaml$/;
const PAGE = new URL('../../docs/crd-releases.md', import.meta.url).pathname;
const GATEWAY_KINDS = (Object.keys(KINDS) as Kind[]).filter((kind) => KINDS[kind].group === GATEWAY_GROUP);

interface Crd {
  spec: { names: { kind: Kind } };
}

/** A row: release, channel, kinds that are not there, fields that are dropped, values that are refused. */
async function rowsOf(release: string): Promise<string[] | undefined> {
  const module = await goModule(`sigs.k8s.io/gateway-api@${release}`, (path) => CRD.test(path));
  if (!('files' in module)) return undefined;
  return CHANNELS.map((channel) => {
    const crds = [...module.files].flatMap(([path, text]) =>
      CRD.exec(path)?.[1] === channel ? [parse(text) as Crd] : [],
    );
    const kinds = new Set(crds.map(({ spec }) => spec.names.kind));
    const missing = GATEWAY_KINDS.filter((kind) => !kinds.has(kind));
    const lacking = crds.flatMap((crd) => lackingIn(crd) ?? []);
    const fields = lacking.flatMap(({ kind, fields }) => fields.map((field) => `${kind} \`${field}\``));
    const values = lacking.flatMap(({ kind, values }) => values.map((value) => `${kind} \`${value}\``));
    const cells = [missing.sort().join(', '), fields.sort().join('<br>'), values.sort().join('<br>')];
    return `| ${[release, channel, ...cells.map((cell) => cell || 'none')].join(' | ')} |`;
  });
}

const HEAD = `# What CRDs of older releases lack

A cluster's API server drops fields that its CRDs do not know, without a word, and refuses objects with values that they do not
know. This is what each release of the Gateway API's CRDs does not have of what Daemun reads: kinds that are not served, fields
that are not kept, and values that are refused. A controller reads the CRDs that it finds, says the same in its log and in
\`daemun status\`, and begins it in the message of the GatewayClass's condition SupportedVersion. Made by a test from the CRDs
themselves (\`npx vitest run test/crd/releases.test.ts --update=all\`).

| release | channel | kinds that are not there | fields that are dropped | values that are refused |
|---|---|---|---|---|
`;

test('the page of CRD releases says what each of them lacks', async () => {
  const rows: string[] = [];
  for (const release of RELEASES) {
    const found = await rowsOf(release);
    if (found === undefined)
      return console.log(`not compared with the CRDs of Gateway API ${release}: Go does not give them`);
    rows.push(...found);
  }
  // The newest has all that is read here.
  expect(rows.at(-1)).toMatch(/\| experimental \| none \| none \| none \|$/);
  await expect(`${HEAD}${rows.join('\n')}\n`).toMatchFileSnapshot(PAGE);
});
