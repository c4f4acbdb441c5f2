/** With what TLS to a backend is made, and who is believed to be one. */
import type { PeerCertificate } from 'node:tls';
import tls from 'node:tls';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { Authority, type Pair } from '../../../test/tls/authority.ts';
import { type BackendTls, type ConfigObject, type EndpointTls, Snapshot } from '../../config/index.ts';
import type { ConnectTls } from '../ground/driver.ts';
import { backendTls, unverifiedTls } from './backend-tls.ts';

const POLICY: BackendTls = { hostname: 'b.example', subjectAltNames: [], trust: ['ca'] };

let authority: Authority;
let pair: Pair;
let config: Snapshot;
beforeAll(async () => {
  authority = await Authority.make('ours');
  pair = await authority.sign({ name: 'gateway' });
  const upserts: ConfigObject[] = [
    { kind: 'TrustBundle', key: 'ca', pem: authority.certificate },
    { kind: 'TrustBundle', key: 'both', pem: `${authority.certificate}\n${authority.certificate}` },
    { kind: 'Certificate', key: 'own', ...pair },
    { kind: 'Certificate', key: 'gateway', ...pair, certificate: 'the gateway’s' },
  ];
  config = Snapshot.EMPTY.apply({ version: 1, upserts, removals: [] });
});

const said = (policy: Partial<BackendTls>, own?: EndpointTls): ConnectTls | string =>
  backendTls({ ...POLICY, ...policy }, { config, alpn: ['h2'], own });
/** Where it can be met. */
const made = (policy: Partial<BackendTls>, own?: EndpointTls): ConnectTls => said(policy, own) as ConnectTls;

describe('a policy', () => {
  test('says who is asked for, and by which authorities', () => {
    const { verify, ...options } = made({});
    expect(options).toStrictEqual({ serverName: 'b.example', ca: [authority.certificate], alpn: ['h2'] });
    expect(made({ trust: 'System' }).ca).toBeUndefined();
  });

  test.each<[string, Partial<BackendTls>, EndpointTls | undefined, string]>([
    ['a bundle is gone', { trust: ['ca', 'gone'] }, undefined, 'the CA bundle gone is missing'],
    ['it names no bundle', { trust: [] }, undefined, 'no CA certificate is given'],
    ['its certificate is gone', { clientCertificate: 'gone' }, undefined, 'the client certificate gone is missing'],
    [
      'the one of the other policy is gone',
      { clientCertificate: 'own' },
      { clientCertificate: 'gone' },
      'the client certificate gone is missing',
    ],
    ['the other policy cannot be followed', {}, { broken: 'for a reason' }, 'for a reason'],
  ])('means no plain text where %s', (_, policy, own, wanted) => {
    expect(said(policy, own)).toBe(wanted);
  });

  test('shows the certificate of the policy for connections, or else the Gateway’s', () => {
    const shown = { certificate: pair.certificate, privateKey: pair.privateKey };
    expect(made({ clientCertificate: 'gateway' }, { clientCertificate: 'own' })).toMatchObject(shown);
    expect(made({ clientCertificate: 'own' }, {})).toMatchObject(shown);
  });

  test.each<EndpointTls>([
    { minVersion: '1.3' },
    { maxVersion: '1.2' },
    { ciphers: ['AES128-SHA'] },
    { curves: ['P-256'] },
  ])('has what is to be spoken: %j', (own) => {
    expect(made({}, own).versions).toBe(own);
    expect(made({}, { serverName: 'other' })).not.toHaveProperty('versions');
  });

  test('knows the authorities where it matters how far away they are', () => {
    const { depth } = made({ trust: ['ca', 'both'] }, { verifyDepth: 0 });
    expect(depth?.most).toBe(0);
    expect(depth?.authorities.map(({ subject }) => subject)).toEqual(['CN=ours', 'CN=ours', 'CN=ours']);
    expect(made({}, {})).not.toHaveProperty('depth');
  });

  test('reads those of the machine once, when they are wanted first', () => {
    const read = vi.spyOn(tls, 'getCACertificates').mockReturnValue([authority.certificate]);
    for (let i = 0; i < 2; i++) {
      expect(made({ trust: 'System' }, { verifyDepth: 1 }).depth?.authorities.map(({ subject }) => subject)).toEqual([
        'CN=ours',
      ]);
    }
    expect(read).toHaveBeenCalledOnce();
    read.mockRestore();
  });
});

describe('who answers', () => {
  const answering = (names: string, subject = 'other.example'): PeerCertificate =>
    ({ subject: { CN: subject }, ...(names !== '' && { subjectaltname: names }) }) as unknown as PeerCertificate;
  const verdict = (policy: Partial<BackendTls>, certificate: PeerCertificate): string | undefined =>
    made(policy).verify('ignored', certificate)?.message;

  test('is the hostname, where no other names are asked for', () => {
    expect(verdict({}, answering('DNS:b.example'))).toBeUndefined();
    expect(verdict({}, answering('', 'b.example'))).toBeUndefined();
    expect(verdict({}, answering('DNS:c.example', 'b.example'))).toContain('c.example');
  });

  const NONE = 'the certificate has none of the names that the policy asks for';
  test.each([
    ['one of several', 'DNS:x.example, DNS:two.example', undefined],
    ['a wildcard', 'DNS:*.two.example, DNS:*.w.example', undefined],
    ['a URI', 'DNS:x.example, URI:spiffe://a/b', undefined],
    ['the hostname alone', 'DNS:b.example', NONE],
    ['half a URI', 'URI:spiffe://a', NONE],
    ['a URI that goes on', 'URI:spiffe://a/b/c', NONE],
    ['a URI that is a name', 'DNS:spiffe://a/b', NONE],
    ['a name that is a URI', 'URI:two.example', NONE],
    ['a name in quotes that says two', 'URI:"spiffe://x, URI:spiffe://a/b"', NONE],
    ['nothing', '', NONE],
  ])('is one of the names that are asked for: %s', (_, names, wanted) => {
    const subjectAltNames: BackendTls['subjectAltNames'] = [
      { type: 'Hostname', value: 'one.example' },
      { type: 'Hostname', value: 'two.example' },
      { type: 'Hostname', value: 'three.w.example' },
      { type: 'URI', value: 'spiffe://a/b' },
    ];
    expect(verdict({ subjectAltNames }, answering(names, 'two.example'))).toBe(wanted);
  });
});

describe('a backend that nobody is asked about', () => {
  const unverified = (own: EndpointTls): ConnectTls | string => unverifiedTls(own, { config, alpn: ['http/1.1'] });

  test('is whoever answers', () => {
    const { verify, ...options } = unverified({
      clientCertificate: 'own',
      serverName: 's.example',
      maxVersion: '1.2',
    }) as ConnectTls;
    expect(options).toStrictEqual({
      serverName: 's.example',
      ca: undefined,
      alpn: ['http/1.1'],
      unverified: true,
      versions: { clientCertificate: 'own', serverName: 's.example', maxVersion: '1.2' },
      certificate: pair.certificate,
      privateKey: pair.privateKey,
    });
    expect(verify('x', {})).toBeUndefined();
    expect(unverified({})).toMatchObject({ serverName: '' });
  });

  test('is none where what is to be shown is gone', () => {
    expect(unverified({ clientCertificate: 'gone' })).toBe('the client certificate gone is missing');
  });
});
