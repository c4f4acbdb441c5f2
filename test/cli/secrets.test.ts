/** Values of Secrets, and of headers that filters write, leave by no output: each is planted and searched for everywhere. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { demoCertificate } from '../../src/cli/demo-certificate.ts';
import { askAdmin } from './client.ts';
import { DaemunProcess, daemun, freePort, ServingProcess } from './daemun-process.ts';
import { documents, gateway, route, service } from './manifest.ts';

const PLANTED: string[] = [];

/** A word that occurs nowhere else, and is searched for in every output, as it is and in base64. */
function secret(name: string): string {
  const word = `hunter2x${name}x${'q'.repeat(8)}`;
  PLANTED.push(word, Buffer.from(word).toString('base64').replace(/=+$/, '').slice(0, -1));
  return word;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const head = (name: string): string => `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name}, namespace: shop }\n`;

/** Manifests by file: everything that people do to Secrets. */
const FILES: Record<string, string> = {
  'valid.yaml': `${head('valid')}data: { a: ${base64(secret('valid'))} }\n`,
  'string-data.yaml': `${head('string-data')}stringData: { a: ${secret('stringdata')} }\n`,
  'tls-garbage.yaml': `${head('garbage')}type: kubernetes.io/tls\nstringData: { tls.crt: ${secret('crt')}, tls.key: ${secret('key')} }\n`,
  'no-base64.yaml': `${head('no-base64')}data:\n  a: "${secret('nobase64')}!"\n`,
  'flow.yaml': `{ apiVersion: v1, kind: Secret, metadata: { name: Bad_Name }, data: { a: "${secret('flow')}!" } }\n`,
  'no-map.yaml': `${head('no-map')}data: ${secret('nomap')}\n`,
  'string-data-no-map.yaml': `${head('sd-no-map')}stringData: ${secret('sdnomap')}\n`,
  'list.yaml': `${head('list')}data: [${secret('list')}]\n`,
  'nested.yaml': `${head('nested')}stringData: { a: { b: ${secret('nested')} } }\n`,
  'type.yaml': `${head('type')}type: [${secret('type')}]\nimmutable: ${secret('immutable')}\n`,
  'annotation.yaml': `apiVersion: v1\nkind: Secret\nmetadata:\n  name: annotated\n  labels: { a: "${secret('label')}!" }\n  annotations: { last: [${secret('annotation')}] }\n`,
  'too-long.yaml': `${head('too-long')}type: kubernetes.io/tls\ndata: { a: "${secret('toolong')}!" }\n`,
  'broken-quote.yaml': `${head('quote')}data:\n  a: "${secret('quote')}\n  b: "x"\n`,
  'broken-indent.yaml': `${head('indent')}data:\n  a: ${base64(secret('indent'))}\n c: ${secret('indent2')}\n`,
  'broken-block.yaml': `${head('block')}stringData:\n  a: |${secret('block')}\n    x\n`,
  'broken-tag.yaml': `${head('tag')}stringData:\n  a: !${secret('tag')} x\n  a: !!${secret('tag2')} x\n`,
  'broken-alias.yaml': `${head('alias')}stringData:\n  a: *${secret('alias')}\n`,
  'broken-escape.yaml': `${head('escape')}stringData:\n  a: "\\${secret('escape')}"\n`,
  'broken-token.yaml': `${head('token')}stringData:\n  a: "x" ${secret('token')}\n  b: @${secret('at')}\n`,
  'twice.yaml': `${head('twice')}stringData:\n  a: ${secret('twice')}\n  a: ${secret('twice2')}\n`,
  'anchor.yaml': `${head('anchor')}x: &a ${secret('anchor')}\nstringData: { a: *a, b: [*a] }\n`,
  'merge.yaml': `${head('merge')}x: &a { a: [${secret('merge')}] }\nstringData: { <<: *a }\n`,
  'in-list.yaml': `apiVersion: v1\nkind: SecretList\nitems: [{ metadata: { name: X_ }, data: { a: "${secret('inlist')}!" } }]\n`,
  'no-kind.yaml': `{ apiVersion: v1, metadata: { name: a }, data: { a: ${secret('nokind')} } }\n`,
  'misspelt.yaml': `{ apiVersion: v1, kind: Secert, metadata: { name: a }, data: { a: ${secret('misspelt')} } }\n`,
  'future.yaml': `{ apiVersion: v9, kind: Secret, metadata: { name: a }, data: { a: ${secret('future')} } }\n`,
  'glued.yaml': `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: g }\nkind: Secret\ndata: { a: ${secret('glued')} }\n`,
  'bare.yaml': `${secret('bare')}\n`,
  'no-utf8.yaml': `${head('latin')}stringData: { a: ${secret('utf8')} }\n`,
  'filter.yaml': documents({
    ...route('filters', { hostname: 'f.example.com', backend: 'web' }),
    spec: {
      parentRefs: [{ name: 'edge' }],
      hostnames: ['f.example.com'],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/good' } }],
          filters: [modifier({ set: [{ name: 'Authorization', value: secret('header') }] })],
          backendRefs: [
            { name: 'web', port: 80, filters: [modifier({ add: [{ name: 'X-Key', value: secret('backend') }] })] },
          ],
        },
        {
          matches: [{ path: { type: 'PathPrefix', value: '/bad' } }],
          filters: [modifier({ set: [{ name: 'x-a', value: `${secret('control')}\u0001` }] })],
        },
        { filters: [modifier({ set: [{ name: 'Host', value: `${secret('host')}/` }] })] },
      ],
    },
  }),
  'filter-flow.yaml':
    `{ apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: { name: flow }, spec: { rules: [{ filters: [` +
    `{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: "a b", value: ${secret('flowfilter')} }] } }, x] }] } }\n`,
  'filter-type.yaml': documents({
    ...route('typed', { hostname: 't.example.com', backend: 'web' }),
    spec: { rules: [{ filters: [modifier({ set: [{ name: 'a', value: [secret('typed')] }] })] }] },
  }),
  // Header lines as other tools have them, and fields that are none.
  'filter-form.yaml': documents({
    ...route('formed', { hostname: 'o.example.com', backend: 'web' }),
    spec: {
      rules: [
        { filters: [modifier({ set: { authorization: secret('asmap') } })] },
        { filters: [modifier({ set: [`authorization: ${secret('astext')}`] })] },
        { filters: [modifier({ set: `authorization: ${secret('assingle')}` })] },
        { filters: [modifier(`authorization: ${secret('asmodifier')}`)] },
        { filters: [modifier([{ name: 'authorization', value: secret('aslist') }])] },
        { filters: [modifier({ set: [{ name: 'authorization', valu: secret('misspeltvalue') }] })] },
        { filters: [{ type: 'RequestHeaderModifier', requestHeaderModifer: { set: secret('misspeltfilter') } }] },
      ],
    },
  }),
  'policy-form.yaml': documents({
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'AuthenticationPolicy',
    metadata: { name: 'formed', namespace: 'shop' },
    spec: { targetRefs: [{ kind: 'HTTPRoute', name: 'filters' }], oidc: { clientSecret: secret('inpolicy') } },
  }),
};

function modifier(requestHeaderModifier: object | string): object {
  return { type: 'RequestHeaderModifier', requestHeaderModifier };
}

const TLS = {
  name: 'https',
  port: 443,
  protocol: 'HTTPS',
  tls: { certificateRefs: [{ name: 'garbage' }, { name: 'combined' }] },
};

async function manifests(): Promise<Record<string, string>> {
  const { certificate, privateKey } = await demoCertificate(['a.example.com']);
  const body = privateKey.split('\n')[1]!;
  PLANTED.push(body);
  // The key stands beside the certificate, as some tools write it.
  const data = { 'tls.crt': base64(certificate + privateKey), 'tls.key': base64(privateKey) };
  const combined = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'combined', namespace: 'shop' },
    type: 'kubernetes.io/tls',
    data,
  };
  return {
    ...FILES,
    'edge.yaml': documents(gateway([{ name: 'http', port: 80, protocol: 'HTTP' }, TLS]), service('web'), combined),
  };
}

function expectNothing(output: string, name: string): void {
  for (const word of PLANTED) {
    const at = output.indexOf(word);
    const around = output.slice(Math.max(0, at - 200), at + 80);
    expect(at === -1, `${name} says ${word}: ${around}`).toBe(true);
  }
}

async function inFolder(files: Record<string, string>, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-secrets-'));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), Buffer.from(name === 'no-utf8.yaml' ? `${text}\xff` : text, 'latin1'));
  }
  await use(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
}

test('check and explain say nothing of what is secret, in any format', async () => {
  await inFolder(await manifests(), async (folder) => {
    for (const output of ['table', 'json', 'yaml']) {
      const { stdout, stderr } = await daemun(['check', '-f', folder, '-o', output]);
      // Each broken file is told of all the same.
      for (const name of ['no-base64', 'broken-quote', 'broken-alias', 'twice', 'filter-type']) {
        expect(stdout).toContain(`${name}.yaml`);
      }
      expectNothing(stdout + stderr, `check -o ${output}`);
    }
    for (const path of ['good', 'bad', '']) {
      for (const output of ['text', 'json']) {
        const url = `http://f.example.com/${path}`;
        const { stdout, stderr } = await daemun(['explain', '-f', folder, url, '-o', output]);
        expect(stdout).toContain('f.example.com');
        expectNothing(stdout + stderr, `explain -o ${output} ${url}`);
      }
    }
  });
}, 60_000);

test('a run tells nobody: not when it starts, not by its admin API, not when a file breaks', async () => {
  const files = await manifests();
  for (const flags of [[], ['--workers', '2', '--log-level', 'debug']]) {
    const ports = flags.length === 0 ? [0, 0] : [await freePort(), await freePort()];
    const maps = ['--port-map', `80=${ports[0]}`, '--port-map', `443=${ports[1]}`];
    const served = await ServingProcess.start(files, [...maps, ...flags]);
    try {
      const { admin } = served;
      const pages = (await askAdmin(admin, '/')).body.trim().split('\n');
      expect(pages).toContain('/config');
      for (const page of pages) expectNothing((await askAdmin(admin, page)).body, page);
      expect((await askAdmin(admin, '/config')).body).toContain('"Authorization"');
      for (const args of [['status'], ['status', '-o', 'json'], ['explain', 'http://f.example.com/good']]) {
        const { stdout, stderr } = await daemun([...args, '--admin', admin]);
        expect(stdout).not.toBe('');
        expectNothing(stdout + stderr, args.join(' '));
      }
      served.write('valid.yaml', `${head('valid')}data: { a: "${secret('later')}!" }\n`);
      await served.logged('must be base64', served.records().length);
      expectNothing(served.stderr + served.stdout, `run ${flags.join(' ')}`);
    } finally {
      await served.stop();
    }
  }
}, 60_000);

test('nor does a run that writes for people', async () => {
  await inFolder(await manifests(), async (folder) => {
    const args = ['run', '-f', folder, '--admin', '127.0.0.1:0', '--bind', '127.0.0.1', '--port-map', '80=0'];
    const running = new DaemunProcess(args);
    await running.until(() => (running.stderr.includes('admin on http') ? true : undefined));
    running.child.kill('SIGTERM');
    const { stdout, stderr } = await running.finished;
    expect(stderr).toContain('error: ');
    expectNothing(stdout + stderr, 'run');
  });
}, 60_000);
