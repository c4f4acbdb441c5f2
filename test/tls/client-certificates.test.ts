/** Client certificates as a ClientTrafficPolicy asks for them: who is let in, what backends hear, and that nothing opens. */
import http2 from 'node:http2';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientTraffic } from '../policies/policy.ts';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { RawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, type Pair } from './authority.ts';

const GUARDED = 'guarded.example';
const BESIDE = 'beside.example';
const OPEN = 'open.example';

let root: Authority;
let server: Pair;
let middle: Authority;
let low: Authority;
const pairs: Record<string, Pair> = {};
let rig: Rig;
let trusting: Rig;
let writes = 0;

const listener = (name: string, hostname: string, more: object = {}): object => ({
  ...{ name, port: 443, protocol: 'HTTPS', hostname, allowedRoutes: { namespaces: { from: 'All' } } },
  tls: { certificateRefs: [{ name: 'server' }] },
  ...more,
});
const LISTENERS = [listener('guarded', GUARDED), listener('beside', BESIDE), listener('open', OPEN)];

const ref = (name: string, kind = 'ConfigMap'): object => ({ group: '', kind, name });
const crlMap = (name: string, text: string): object => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } },
  data: { 'ca.crl': text },
});

interface Asked {
  [field: string]: unknown;
}

function policy(asked: Asked, section = 'guarded', name = 'certificates', others: object = {}): object {
  return clientTraffic(name, { clientCertificates: { caCertificateRefs: [ref('ca')], ...asked }, ...others }, section);
}

function site(...objects: object[]): string {
  return manifests(
    LISTENERS,
    caConfigMap('ca', root),
    tlsSecret('server', server),
    // So that each writing changes something.
    httpRoute(`all-${writes++}`, [backendRefs('one')]),
    service('one'),
    ...objects,
  );
}

beforeAll(async () => {
  root = await Authority.make('root');
  middle = await root.authority('middle');
  low = await middle.authority('low');
  const other = await Authority.make('other');
  server = await root.sign({ dns: [GUARDED, BESIDE, OPEN] });
  pairs.good = await root.sign({ name: 'alice' });
  pairs.revoked = await root.sign({ name: 'bob' });
  pairs.stranger = await other.sign({ name: 'mallory' });
  pairs.middle = await middle.sign({ name: 'carol' });
  pairs.low = await low.sign({ name: 'dave' });
  rig = await serveManifests(site(), { echo: true, ports: [443] });
  trusting = await serveManifests(site(policy({ forward: { nginxHeaders: 'Names' } })), {
    ...{ echo: true, ports: [443], trustedHops: ['127.0.0.0/8'] },
  });
});
afterAll(async () => {
  await rig.close();
  await trusting.close();
});

type Seen = Record<string, string>;

interface Visit {
  client?: string;
  host?: string;
  lines?: string;
  of?: Rig;
}

function optionsOf({ client, host = GUARDED, of = rig }: Visit): tls.ConnectionOptions {
  const pair = client === undefined ? {} : { cert: pairs[client]!.certificate, key: pairs[client]!.privateKey };
  return { host: '127.0.0.1', port: of.port(443), servername: host, rejectUnauthorized: false, ...pair };
}

/** The header lines that the backend sees; undefined: the client was turned away. */
async function visit(visited: Visit = {}): Promise<Seen | undefined> {
  const client = new RawClient(tls.connect(optionsOf(visited)));
  client.send(`GET / HTTP/1.1\r\nHost: ${visited.host ?? GUARDED}\r\n${visited.lines ?? ''}\r\n`);
  try {
    const [response] = await client.responses(1);
    return response!.status === 200 ? (JSON.parse(response!.body) as { headers: Seen }).headers : undefined;
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

async function visitOverHttp2(visited: Visit = {}): Promise<Seen | undefined> {
  const options = { ...optionsOf(visited), ALPNProtocols: ['h2'] };
  const session = http2.connect(`https://127.0.0.1:${rig.port(443)}`, options as http2.SecureClientSessionOptions);
  try {
    return await new Promise((resolve) => {
      session.on('error', () => resolve(undefined)).on('close', () => resolve(undefined));
      const stream = session.request({ ':path': '/', ':authority': visited.host ?? GUARDED });
      let body = '';
      stream.setEncoding('utf8').on('data', (piece: string) => {
        body += piece;
      });
      stream.on('error', () => resolve(undefined));
      stream.on('end', () => resolve(body === '' ? undefined : (JSON.parse(body) as { headers?: Seen }).headers));
    });
  } finally {
    session.destroy();
  }
}

async function whoIsLetIn(host = GUARDED): Promise<string[]> {
  const letIn: string[] = [];
  for (const client of [undefined, ...Object.keys(pairs)]) {
    const seen = await visit(client === undefined ? { host } : { client, host });
    const over2 = await visitOverHttp2(client === undefined ? { host } : { client, host });
    expect([client, over2?.['client-cert']]).toEqual([client, seen?.['client-cert']]);
    if (seen !== undefined) letIn.push(client ?? 'nobody');
  }
  return letIn;
}

const EVERYBODY = ['nobody', 'good', 'revoked', 'stranger', 'middle', 'low'];
const ALL_OF_OURS = ['good', 'revoked', 'middle', 'low'];

const told = (): string[] =>
  rig
    .report()
    .diagnostics.filter(({ object }) => object.startsWith('ClientTrafficPolicy/'))
    .map(({ field, message }) => `${field}: ${message}`);

/** A leaf, or what stands above it, as RFC 9440 writes it. */
const field = (pem: string): string => `:${pem.replaceAll(/-----[^-]+-----|\s/g, '')}:`;
const blocks = ({ certificate }: Pair): string[] => certificate.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g)!;

/** The last byte of each is another: a part of its signature. */
const tampered = (lists: string): string =>
  lists.replace(/(BEGIN CRL-----)([^-]*)/g, (_all, begin: string, body: string) => {
    const der = Buffer.from(body, 'base64');
    der[der.length - 1]! ^= 1;
    return `${begin}\n${der.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n`;
  });

describe('mode', () => {
  test.each([
    ['Required', ALL_OF_OURS],
    ['Optional', ['nobody', ...ALL_OF_OURS]],
    ['OptionalUnverified', EVERYBODY],
  ])('%s lets in %j, and other listeners of the port ask nobody', async (mode, letIn) => {
    await rig.write(site(policy({ mode })));
    expect(await whoIsLetIn()).toEqual(letIn);
    expect(await whoIsLetIn(OPEN)).toEqual(EVERYBODY);
    expect((await visit({ client: 'good' }))!['client-cert']).toBe(field(pairs.good!.certificate));
    expect((await visit({ client: 'good', host: OPEN }))!['client-cert']).toBeUndefined();
    if (mode === 'OptionalUnverified') expect(told().join()).toContain('whoever signed it');
    else expect(told()).toEqual([]);
  });
});

test.each([
  [0, ['good', 'revoked']],
  [1, ['good', 'revoked', 'middle']],
  [2, ALL_OF_OURS],
])('verifyDepth %i lets in %j', async (verifyDepth, letIn) => {
  await rig.write(site(policy({ verifyDepth })));
  expect(await whoIsLetIn()).toEqual(letIn);
});

test('verifyDepth counts signatures, not names: an authority of the client’s own making shortens nothing', async () => {
  const impostor = await Authority.make('low');
  pairs.forged = { ...pairs.low!, certificate: `${pairs.low!.certificate}\n${impostor.certificate}` };
  try {
    await rig.write(site(policy({ verifyDepth: 1 })));
    expect(await visit({ client: 'forged' })).toBeUndefined();
  } finally {
    delete pairs.forged;
  }
});

describe('lists of revoked certificates', () => {
  const all = async (until?: number): Promise<string> =>
    [
      await root.revocations([pairs.revoked!], until),
      await middle.revocations([], until),
      await low.revocations([], until),
    ].join('');

  test('take effect when they change, also on connections that are there', async () => {
    const asked = policy({ revocationListRefs: [ref('crl')] });
    const nothing = [await root.revocations([]), await middle.revocations([]), await low.revocations([])].join('');
    await rig.write(site(asked, crlMap('crl', nothing)));
    expect(await whoIsLetIn()).toEqual(ALL_OF_OURS);
    const kept = new RawClient(tls.connect(optionsOf({ client: 'revoked' })));
    const ask = `GET / HTTP/1.1\r\nHost: ${GUARDED}\r\n\r\n`;
    expect((await kept.ask(ask))[0]!.status).toBe(200);
    const session = http2.connect(`https://127.0.0.1:${rig.port(443)}`, {
      ...(optionsOf({ client: 'revoked' }) as object),
      ALPNProtocols: ['h2'],
    });
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    const left = Promise.all([
      new Promise((resolve) => session.once('goaway', resolve)),
      new Promise((resolve) => kept.socket.once('close', resolve)),
    ]);
    const other = new RawClient(tls.connect(optionsOf({ host: OPEN })));
    expect((await other.ask(ask.replace(GUARDED, OPEN)))[0]!.status).toBe(200);
    await rig.write(site(asked, crlMap('crl', await all())));
    expect(await whoIsLetIn()).toEqual(['good', 'middle', 'low']);
    await left;
    session.destroy();
    // Nothing else was asked of this one.
    expect((await other.ask(ask.replace(GUARDED, OPEN)))[0]!.status).toBe(200);
    other.close();
  });

  test('beside the CA certificates count as they do in ingress-nginx', async () => {
    const secret = {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'both' } },
      stringData: { 'ca.crt': `${root.certificate}\n`, 'ca.crl': await all() },
    };
    await rig.write(site(policy({ caCertificateRefs: [ref('both', 'Secret')] }), secret));
    expect(await whoIsLetIn()).toEqual(['good', 'middle', 'low']);
  });

  test.each<[string, () => Promise<object[]>]>([
    ['not there', async () => []],
    ['empty', async () => [crlMap('crl', '')]],
    ['broken', async () => [crlMap('crl', (await all()).replace(/\n.{20}/, '\n'))]],
    ['no list', async () => [crlMap('crl', root.certificate)]],
    ['signed by nobody', async () => [crlMap('crl', tampered(await all()))]],
    ['expired', async () => [crlMap('crl', await all(-1))]],
    ['of some authorities alone', async () => [crlMap('crl', await middle.revocations([]))]],
  ])('that are %s let nobody in, and say so', async (why, objects) => {
    await rig.write(site(policy({ revocationListRefs: [ref('crl')] }), ...(await objects())));
    expect(await whoIsLetIn()).toEqual([]);
    expect(await whoIsLetIn(OPEN)).toEqual(EVERYBODY);
    if (!['expired', 'of some authorities alone', 'signed by nobody'].includes(why)) {
      expect(told().join()).toContain('spec.clientCertificates.revocationListRefs[0]');
    }
    if (why === 'expired') expect(told().join()).toMatch(/a list of revoked certificates ended on \d{4}-\d\d-\d\d/);
  });
});

describe('forward', () => {
  test('the chain that the client showed', async () => {
    await rig.write(site(policy({ forward: { chain: true } })));
    const [leaf, first, second] = blocks(pairs.low!);
    const forged = `Client-Cert: :AAAA:\r\nClient-Cert-Chain: :AAAA:\r\nclient.cert_chain: :AAAA:\r\n`;
    expect(await visit({ client: 'low' })).toMatchObject({
      'client-cert': field(leaf!),
      'client-cert-chain': `${field(first!)}, ${field(second!)}`,
    });
    expect(await visit({ client: 'good', lines: forged })).toBeUndefined();
    const seen = await visitOverHttp2({ client: 'good' });
    expect(seen!['client-cert']).toBe(field(pairs.good!.certificate));
    expect(seen!['client-cert-chain']).toBeUndefined();
  });

  test('nothing', async () => {
    await rig.write(site(policy({ forward: { certificate: false } })));
    expect(Object.keys((await visit({ client: 'low' }))!).filter((name) => name.includes('cert'))).toEqual([]);
  });

  test('as ingress-nginx does, whatever clients claim', async () => {
    const forged = 'ssl-client-verify: SUCCESS\r\nSSL_Client_Cert: mine\r\nssl.client.subject-dn: CN=admin\r\n';
    await rig.write(site(policy({ mode: 'OptionalUnverified', forward: { nginxHeaders: 'Certificate' } })));
    const ofSsl = (seen: Seen | undefined): Seen =>
      Object.fromEntries(Object.entries(seen!).filter(([name]) => name.startsWith('ssl')));
    expect(ofSsl(await visit({ client: 'good', lines: forged }))).toEqual({
      'ssl-client-verify': 'SUCCESS',
      'ssl-client-subject-dn': 'CN=alice',
      'ssl-client-issuer-dn': 'CN=root',
      'ssl-client-cert': encodeURIComponent(`${pairs.good!.certificate}\n`),
    });
    expect(ofSsl(await visit({ lines: forged }))).toEqual({ 'ssl-client-verify': 'NONE' });
    expect(ofSsl(await visit({ client: 'stranger', lines: forged }))).toMatchObject({
      'ssl-client-verify': expect.stringMatching(/^FAILED:/),
      'ssl-client-subject-dn': 'CN=mallory',
    });
    expect((await visit({ client: 'stranger' }))!['client-cert']).toBeUndefined();
    // Not even a hop that is believed says this of the certificate that it showed itself.
    expect(ofSsl(await visit({ client: 'good', lines: forged, of: trusting }))).toEqual({
      'ssl-client-verify': 'SUCCESS',
      'ssl-client-subject-dn': 'CN=alice',
      'ssl-client-issuer-dn': 'CN=root',
    });
  });
});

describe('a connection that was made for one host', () => {
  test('carries no request for another, however its client was verified', async () => {
    const theirs = await Authority.make('theirs');
    const beside = clientTraffic('beside', { clientCertificates: { caCertificateRefs: [ref('theirs')] } }, 'beside');
    await rig.write(site(policy({}), beside, caConfigMap('theirs', theirs)));
    for (const [host, client] of [
      [OPEN, undefined],
      [GUARDED, 'good'],
    ] as const) {
      const options = optionsOf({ host, ...(client && { client }) });
      const connection = new RawClient(tls.connect(options));
      const [answer] = await connection.ask(`GET / HTTP/1.1\r\nHost: ${BESIDE}\r\n\r\n`);
      expect(answer!.status).toBe(421);
      connection.close();
      const session = http2.connect(`https://127.0.0.1:${rig.port(443)}`, {
        ...(options as object),
        ALPNProtocols: ['h2'],
      });
      const stream = session.request({ ':path': '/', ':authority': BESIDE });
      const head = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
      expect(Number((head as Record<string, unknown>)[':status'])).toBe(421);
      session.destroy();
    }
    // Without a server name there is nobody to be: the listeners have names.
    const unnamed = new RawClient(tls.connect({ ...optionsOf({ client: 'good' }), servername: '' }));
    unnamed.send(`GET / HTTP/1.1\r\nHost: ${OPEN}\r\n\r\n`);
    await expect(unnamed.responses(1)).rejects.toThrow();
  });
});

test('after an authority was taken away, a session of its client is not resumed', async () => {
  const old = await Authority.make('old');
  pairs.old = await old.sign({ name: 'erin' });
  try {
    const two = { caCertificateRefs: [ref('ca'), ref('old')] };
    await rig.write(site(policy(two), caConfigMap('old', old)));
    const socket = tls.connect(optionsOf({ client: 'old' }));
    let session: Buffer | undefined;
    socket.on('session', (fresh: Buffer) => {
      session = fresh;
    });
    const client = new RawClient(socket);
    expect((await client.ask(`GET / HTTP/1.1\r\nHost: ${GUARDED}\r\n\r\n`))[0]!.status).toBe(200);
    client.close();
    await rig.write(site(policy({})));
    for (const options of [optionsOf({ client: 'old' }), optionsOf({})]) {
      const again = new RawClient(tls.connect({ ...options, ...(session && { session }) }));
      again.send(`GET / HTTP/1.1\r\nHost: ${GUARDED}\r\n\r\n`);
      await expect(again.responses(1)).rejects.toThrow();
    }
  } finally {
    delete pairs.old;
  }
});

test('a listener that begins to ask ends the connections of those that it did not ask', async () => {
  await rig.write(site());
  const kept = new RawClient(tls.connect(optionsOf({})));
  expect((await kept.ask(`GET / HTTP/1.1\r\nHost: ${GUARDED}\r\n\r\n`))[0]!.status).toBe(200);
  const closed = new Promise((resolve) => kept.socket.once('close', resolve));
  await rig.write(site(policy({})));
  await closed;
  expect(await visit()).toBeUndefined();
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'who is in the middle of a handshake over %s as a listener begins to ask',
  async (version) => {
    await rig.write(site());
    const socket = net.connect(rig.port(443), '127.0.0.1');
    const held: Array<() => void> = [];
    let hellos = 0;
    const reached = Promise.withResolvers<void>();
    const slow = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        // All after the first word is held.
        const send = (): void => void socket.write(chunk, () => done());
        if (hellos++ === 0) return send();
        held.push(send);
        reached.resolve();
      },
    });
    socket
      .on('data', (chunk: Buffer) => slow.push(chunk))
      .on('end', () => slow.push(null))
      .on('error', () => {});
    const options = { ...optionsOf({}), minVersion: version, maxVersion: version, socket: slow };
    const client = new RawClient(tls.connect(options));
    client.send(`GET / HTTP/1.1\r\nHost: ${GUARDED}\r\n\r\n`);
    await reached.promise;
    await rig.write(site(policy({})));
    hellos = 0;
    for (const send of held.splice(0)) send();
    socket.once('close', () => slow.destroy());
    await expect(client.responses(1)).rejects.toThrow();
  },
);

test('a chain of a thousand certificates is refused, and the next client is served', async () => {
  await rig.write(site(policy({ verifyDepth: 2, forward: { chain: true } })));
  const many = Array.from({ length: 1_000 }, () => root.certificate).join('\n');
  pairs.long = { ...pairs.good!, certificate: `${pairs.good!.certificate}\n${many}` };
  pairs.padded = {
    ...pairs.good!,
    certificate: `${pairs.good!.certificate}\n${`${middle.certificate}\n`.repeat(100)}`,
  };
  try {
    expect(await visit({ client: 'long' })).toBeUndefined();
    expect(await visit({ client: 'padded' })).toBeUndefined();
    expect(await visit({ client: 'good' })).toBeDefined();
    await rig.write(site(policy({ forward: { chain: true } })));
    // More than backends have room for is not told.
    const seen = await visit({ client: 'padded' });
    expect([typeof seen?.['client-cert'], seen?.['client-cert-chain']]).toEqual(['string', undefined]);
  } finally {
    delete pairs.long;
    delete pairs.padded;
  }
});

describe('what cannot be followed lets nobody in:', () => {
  const LISTENER_SET = {
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'ListenerSet', metadata: { name: 'set' } },
    spec: { parentRef: { name: 'gw' }, listeners: [listener('own', 'own.example')] },
  };
  const own = (name: string, spec: object): object => ({
    ...{ apiVersion: 'policies.daemun.dev/v1alpha1', kind: 'ClientTrafficPolicy', metadata: { name } },
    spec: { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'ListenerSet', name: 'set' }], ...spec },
  });

  test.each<[string, () => object[], said?: string]>([
    ['authorities that are not there', () => [policy({ caCertificateRefs: [ref('none')] })], 'caCertificateRefs[0]'],
    ['a kind that has none', () => [policy({ caCertificateRefs: [ref('ca', 'Service')] })], 'caCertificateRefs[0]'],
    ['a mode that there is none of', () => [policy({ mode: 'Requird' }, 'guarded', 'never-good-1')]],
    ['a depth beyond all', () => [policy({ verifyDepth: 1_000 }, 'guarded', 'never-good-2')]],
    ['a setting that is misspelt', () => [policy({ verifyDept: 0 }, 'guarded', 'misspelt-1')], 'verifyDept'],
    [
      'a policy whose one guard is misspelt',
      () => [clientTraffic('misspelt-2', { clientCertificate: { caCertificateRefs: [ref('ca')] } }, 'guarded')],
      'Did you mean clientCertificates?',
    ],
    [
      'another setting that is wrong',
      () => [policy({}, 'guarded', 'wrong', { tls: { ciphers: ['NONE-AT-ALL'] } })],
      'spec.tls.ciphers[0]',
    ],
  ])('%s', async (_, objects, said) => {
    await rig.write(site(...objects()));
    expect(await whoIsLetIn()).toEqual([]);
    expect(await whoIsLetIn(OPEN)).toEqual(EVERYBODY);
    if (said !== undefined) expect(told().join()).toContain(said);
  });

  test('a listener that is not there: all of the Gateway, but for what has a policy of its own', async () => {
    await rig.write(site(policy({}, 'renamed', 'stray'), policy({}, 'beside', 'beside')));
    expect(await whoIsLetIn(GUARDED)).toEqual([]);
    expect(await whoIsLetIn(OPEN)).toEqual([]);
    expect(await whoIsLetIn(BESIDE)).toEqual(ALL_OF_OURS);
    expect(told().join()).toContain('what it would guard is refused');
  });

  test('a policy of a ListenerSet takes nothing back of what its Gateway asks for', async () => {
    const gatewayWide = clientTraffic('wide', { clientCertificates: { caCertificateRefs: [ref('ca')] } });
    const routes = httpRoute(`set-${writes++}`, [backendRefs('one')], {
      parentRefs: [{ name: 'set', kind: 'ListenerSet' }],
    });
    const allows = site(gatewayWide, LISTENER_SET, routes, own('mine', { pathForm: 'Keep' })).replace(
      'gatewayClassName: any',
      'gatewayClassName: any\n  allowedListeners: { namespaces: { from: Same } }',
    );
    await rig.write(allows);
    expect(await whoIsLetIn('own.example')).toEqual(ALL_OF_OURS);
    const optional = { clientCertificates: { mode: 'Optional', caCertificateRefs: [ref('ca')] } };
    await rig.write(
      allows.replace('pathForm: Keep', `clientCertificates: ${JSON.stringify(optional.clientCertificates)}`),
    );
    expect(await whoIsLetIn('own.example')).toEqual([]);
    expect(await whoIsLetIn(OPEN)).toEqual(ALL_OF_OURS);
    expect(told().join()).toContain('both say which certificates clients show');
  });
});

test('of the same owner the policy counts for its listener, in the place of what the Gateway says of the port', async () => {
  const frontend = { default: { validation: { caCertificateRefs: [ref('ca')] } } };
  const text = site(policy({ mode: 'Optional' })).replace(
    'gatewayClassName: any',
    `gatewayClassName: any\n  tls: ${JSON.stringify({ frontend })}`,
  );
  await rig.write(text);
  expect(await whoIsLetIn(GUARDED)).toEqual(['nobody', ...ALL_OF_OURS]);
  expect(await whoIsLetIn(OPEN)).toEqual(ALL_OF_OURS);
});
