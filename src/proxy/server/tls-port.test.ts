/** Ports of HTTPS and TLS listeners: whose a connection is, where its TLS ends, and that this changes with the config. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Challenge, ConfigObject } from '../../config/index.ts';
import { selfSigned } from '../stream/certificate.suite.ts';
import { listening } from '../stream/rig.suite.ts';
import { backend, certificate, listener, PlaneRig, proxyHeaderPolicy, rule } from './plane.suite.ts';

interface KeyPair {
  key: Buffer;
  cert: Buffer;
}

let web: KeyPair;
let raw: KeyPair;
let later: KeyPair;
let proof: KeyPair;
beforeAll(async () => {
  const names = ['web.example', 'raw.example', 'web.example', 'web.example'];
  [web, raw, later, proof] = (await Promise.all(names.map(selfSigned))) as [KeyPair, KeyPair, KeyPair, KeyPair];
});

let rig: PlaneRig;
const closers: Array<() => unknown> = [];
beforeEach(() => {
  rig = new PlaneRig();
  closers.push(() => rig.close());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function opened(server: net.Server): Promise<number> {
  closers.push(() => server.close());
  return listening(server);
}

/** Says its name to whoever speaks HTTP. */
const answering = (word: string): Promise<number> =>
  opened(http.createServer((_request, response) => response.end(word)).on('error', () => {}));
/** Says its name at once, and ends. */
const speaking = (word: string): Promise<number> =>
  opened(net.createServer((socket) => socket.on('error', () => {}).end(word)));
/** Ends TLS itself. */
const securing = (word: string): Promise<number> =>
  opened(tls.createServer({ ...raw }, (socket) => socket.on('error', () => {}).end(word)));

const HTTPS = (): ConfigObject[] => [
  listener('HTTPS', { hostname: 'web.example' }),
  certificate(web),
  rule('HTTPRoute'),
];
/** A TLS listener of the same port, with a route to a backend of its name. */
function relayed(mode: 'Terminate' | 'Passthrough', name = 'raw'): ConfigObject[] {
  const hostname = `${name}.example`;
  const settings = { mode, certificates: mode === 'Terminate' ? ['d/raw'] : [] };
  return [
    listener('TLS', { name, hostname, tls: settings }),
    rule('TLSRoute', {
      route: { kind: 'TLSRoute', namespace: 'd', name },
      attachments: [{ listener: `d/g/${name}`, hostnames: [hostname] }],
      backends: [{ backend: `d/${name}:80`, weight: 1, filters: [] }],
    }),
    certificate(raw, 'd/raw'),
  ];
}

interface Heard {
  text: string;
  shown: Buffer | undefined;
  protocol: string | false | null;
}

interface Asked extends tls.ConnectionOptions {
  /** Absent: nothing. */
  say?: string;
  before?: string;
  /** Where it connects to; absent: the first listener's port. */
  through?: number;
}

/** All that is heard until the end, and what was shown; rejects where the handshake fails. */
async function heard(servername: string, { say = '', before = '', through, ...more }: Asked = {}): Promise<Heard> {
  const plain = net.connect(through ?? rig.port(rig.ack!.listeners[0]!.key.slice('d/g/'.length)), '127.0.0.1');
  closers.push(() => plain.destroy());
  plain.on('error', () => {});
  if (before !== '') plain.write(before);
  const socket = tls.connect({ socket: plain, servername, rejectUnauthorized: false, ...more });
  await once(socket, 'secureConnect');
  const shown = socket.getPeerX509Certificate()?.raw;
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes));
  if (say !== '') socket.write(say);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket
    .once('end', resolve)
    .once('error', () => resolve())
    .once('close', resolve);
  await promise;
  return { text, shown, protocol: socket.alpnProtocol };
}

const GET = 'GET / HTTP/1.1\r\nHost: web.example\r\nConnection: close\r\n\r\n';
const asked = async (more: Asked = {}): Promise<string> => {
  const { text } = await heard('web.example', { say: GET, ...more });
  return text.slice(text.indexOf('\r\n\r\n') + 4);
};
const derOf = (pair: KeyPair): Buffer =>
  Buffer.from(pair.cert.toString().replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');

const failures = (): number | undefined =>
  rig.plane.metrics().find(({ name }) => name === 'daemun_tls_handshakes_failed_total')!.series[0]!.value;
const streamEnds = (): object[] =>
  rig.plane
    .metrics()
    .find(({ name }) => name === 'daemun_stream_ended_total')
    ?.series.map(({ labels }) => labels) ?? [];
/** The beginning of a ClientHello. */
const HALF_HELLO = Buffer.from('160301', 'hex');
/** TLS that nobody speaks any more. */
const OLD: Asked = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };

describe('a port of HTTPS alone', () => {
  test('serves requests, also behind a PROXY header', async () => {
    await rig.apply([...HTTPS(), ...backend(await answering('here'))]);
    expect(await asked()).toBe('here');
    await rig.apply([proxyHeaderPolicy(['127.0.0.0/8'])]);
    expect(await asked({ before: 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n' })).toBe('here');
    expect(rig.accesses.map(({ client }) => client)).toEqual(['127.0.0.1', '192.0.2.1']);
  });

  test('counts who comes without a handshake that leads to anything', async () => {
    await rig.apply([...HTTPS(), ...backend(await answering('here'))]);
    await expect(heard('web.example', OLD)).rejects.toThrow();
    await vi.waitFor(() => expect(failures()).toBe(1));
    net
      .connect(rig.port(), '127.0.0.1')
      .on('error', () => {})
      .end(HALF_HELLO);
    await vi.waitFor(() => expect(failures()).toBe(2));
  });

  test('has the next routes and the next certificate in its place', async () => {
    await rig.apply([...HTTPS(), ...backend(await answering('here'))]);
    await rig.apply([
      certificate(later),
      ...backend(await answering('there'), 'b2'),
      rule('HTTPRoute', { backends: [{ backend: 'd/b2:80', weight: 1, filters: [] }] }),
    ]);
    expect(await asked()).toBe('there');
    expect((await heard('web.example', { say: GET })).shown).toEqual(derOf(later));
  });
});

describe('a port that TLS listeners share', () => {
  test('ends TLS of HTTPS, and hands on what is to pass', async () => {
    await rig.apply([
      ...HTTPS(),
      ...backend(await answering('here')),
      ...relayed('Passthrough'),
      ...backend(await securing('own'), 'raw'),
    ]);
    expect(await asked()).toBe('here');
    expect(await heard('raw.example')).toMatchObject({ text: 'own', shown: derOf(raw) });
    await expect(heard('none.example')).rejects.toThrow();
    // The port is called after its first listener.
    expect(streamEnds()).toContainEqual({ protocol: 'tls', listener: 'd/g/l', reason: 'no_route' });
  });

  test('relays the bytes of TLS that ends here, whatever they are, and offers no protocol for them', async () => {
    await rig.apply([...relayed('Terminate'), ...backend(await speaking('bytes'), 'raw')]);
    const answer = await heard('raw.example', { ALPNProtocols: ['h2'] });
    expect(answer).toMatchObject({ text: 'bytes', shown: derOf(raw), protocol: false });
    await vi.waitFor(() => expect(rig.accesses).toMatchObject([{ listener: 'd/g/raw', host: 'raw.example' }]));
    await expect(heard('raw.example', OLD)).rejects.toThrow();
    await vi.waitFor(() => expect(failures()).toBe(1));
  });

  test('begins with one, and ends with it', async () => {
    await rig.apply([...HTTPS(), ...backend(await answering('here')), ...backend(await securing('own'), 'raw')]);
    await rig.apply(relayed('Passthrough'));
    expect(await heard('raw.example')).toMatchObject({ text: 'own' });
    expect(await asked()).toBe('here');
    await rig.apply([], [{ kind: 'Listener', key: 'd/g/raw' }]);
    expect(await asked()).toBe('here');
    await expect(heard('raw.example')).rejects.toThrow();
  });

  test('has the next way for what passes, and the next certificate for what ends here', async () => {
    await rig.apply([...relayed('Terminate'), ...backend(await speaking('bytes'), 'raw')]);
    await rig.apply([certificate(later, 'd/raw'), ...backend(await speaking('others'), 'raw')]);
    expect(await heard('raw.example')).toMatchObject({ text: 'others', shown: derOf(later) });
  });

  describe('has for who was in the middle of a handshake', () => {
    /** A client whose ClientHello has come; what it says next comes when it is released. */
    async function halfway(): Promise<{ answer: Promise<Heard>; release(): void }> {
      const { promise: begun, resolve } = Promise.withResolvers<() => void>();
      const between = net.createServer((client) => {
        const server = net.connect(rig.port('raw'), '127.0.0.1').on('error', () => client.destroy());
        server.on('close', () => client.destroy()).pipe(client.on('error', () => {}));
        client.once('data', (hello) => {
          server.write(hello);
          client.pause();
          server.once('data', () => resolve(() => void client.pipe(server)));
        });
      });
      const through = await opened(between);
      const answer = heard('raw.example', { through });
      return { answer, release: await begun };
    }
    const anybodys = (): ConfigObject[] => [listener('HTTPS'), certificate(web)];

    beforeEach(async () => {
      await rig.apply([...anybodys(), ...relayed('Terminate'), ...backend(await speaking('bytes'), 'raw')]);
    });

    test('its way, where that is as it was', async () => {
      const { answer, release } = await halfway();
      release();
      expect(await answer).toMatchObject({ text: 'bytes' });
    });

    test.each<[string, () => Promise<unknown>]>([
      ['the route is gone', () => rig.apply([], [{ kind: 'RouteRule', key: 'TLSRoute/d/raw/0' }])],
      ['it is for requests now', () => rig.apply([listener('HTTPS', { name: 'raw', hostname: 'raw.example' })])],
      ['TLS is to pass now, and what has been read of it must not', () => rig.apply(relayed('Passthrough'))],
    ])('none where %s', async (_, change) => {
      const { answer, release } = await halfway();
      await change();
      release();
      expect(await answer).toMatchObject({ text: '' });
    });
  });
});

describe('the challenge of a certificate authority', () => {
  const ACME: Asked = { ALPNProtocols: ['acme-tls/1'] };
  const challenge = (listeners: string[], key = 'web.example'): Challenge => {
    return { kind: 'Challenge', key, listeners, certificate: proof.cert.toString(), privateKey: proof.key.toString() };
  };

  test.each(['before', 'after'])('is answered by the handshake alone, asked for %s the port opened', async (when) => {
    const objects = [...HTTPS(), ...backend(await answering('here'))];
    if (when === 'after') await rig.apply(objects);
    await rig.apply([...(when === 'after' ? [] : objects), challenge(['d/g/l'])]);
    expect(await heard('web.example', ACME)).toEqual({ text: '', shown: derOf(proof), protocol: 'acme-tls/1' });
    expect(await asked()).toBe('here');
    expect((await heard('web.example', { say: GET })).shown).toEqual(derOf(web));
    await rig.apply([], [{ kind: 'Challenge', key: 'web.example' }]);
    await expect(heard('web.example', ACME)).rejects.toThrow();
    expect(await asked()).toBe('here');
  });

  test('is for who offers this protocol and no other, for this name', async () => {
    await rig.apply([...HTTPS(), ...backend(await answering('here')), challenge(['d/g/l'])]);
    const both = await heard('web.example', { ALPNProtocols: ['acme-tls/1', 'http/1.1'], say: GET });
    expect(both).toMatchObject({ shown: derOf(web), protocol: 'http/1.1' });
    await expect(heard('other.example', ACME)).rejects.toThrow();
    await rig.apply([listener('HTTPS', { name: 'other', hostname: 'other.example' })]);
    await expect(heard('other.example', ACME)).rejects.toThrow();
    const other = await heard('other.example', { ALPNProtocols: ['http/1.1'], say: GET });
    expect(other).toMatchObject({ shown: derOf(web), protocol: 'http/1.1' });
  });

  test.each([true, false])(
    'is the backend’s own where TLS is to pass (another is expected here: %j)',
    async (isExpected) => {
      const server = tls.createServer({ ...raw, ALPNProtocols: ['acme-tls/1'] }, (socket) =>
        socket.on('error', () => {}).end('own'),
      );
      await rig.apply([...HTTPS(), ...relayed('Passthrough'), ...backend(await opened(server), 'raw')]);
      if (isExpected) await rig.apply([challenge(['d/g/l'])]);
      expect(await heard('raw.example', ACME)).toEqual({ text: 'own', shown: derOf(raw), protocol: 'acme-tls/1' });
    },
  );

  test('that fails is counted', async () => {
    await rig.apply([...HTTPS(), ...backend(await answering('here')), challenge(['d/g/l'])]);
    const before = failures();
    await expect(heard('web.example', { ...ACME, ...OLD })).rejects.toThrow();
    await vi.waitFor(() => expect(failures()).toBe(before! + 1));
  });

  test('opens a port that has no certificate yet', async () => {
    await rig.apply([listener('HTTPS', { hostname: 'web.example' }), challenge(['d/g/l'])]);
    expect(await heard('web.example', ACME)).toMatchObject({ shown: derOf(proof) });
  });
});
