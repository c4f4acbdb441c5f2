/** Who shows a certificate: it says who it is where the listener has verified it, and where it is one of those that may. */
import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { Authority } from '../../../../test/tls/authority.ts';
import type { CertificateMatch } from '../../../config/index.ts';
import type { LinkTls } from '../../ground/driver.ts';
import { RecordedScope } from '../filter.suite.ts';
import { clientCertificateMethod } from './client-certificate.ts';
import type { Finding } from './method.ts';

const der: Record<string, Buffer> = {};

beforeAll(async () => {
  const ours = await Authority.make('ours');
  const leaves = {
    alice: { name: 'alice', dns: ['alice.example', 'a.example'], uris: ['spiffe://x/alice'] },
    bob: { name: 'bob' },
    nobody: { name: 'O=nobody', dns: ['CN=alice'] },
    unit: { name: 'OU=alice' },
    comma: { name: 'comma', uris: ['spiffe://x/a, DNS:a.example, URI:spiffe://x/alice, x'] },
  };
  for (const [name, leaf] of Object.entries(leaves))
    der[name] = new X509Certificate((await ours.sign(leaf)).certificate).raw;
});

const tlsOf = (name: string | undefined, peerVerified = true): LinkTls => ({
  serverName: '',
  alpn: '',
  version: '',
  cipher: '',
  peerVerified,
  ...(name === undefined ? {} : { peerCertificate: der[name]! }),
});

function asks(tls: LinkTls | undefined, match: CertificateMatch[] = [], by = method(match)): Finding {
  const scope = new RecordedScope({});
  Object.assign(scope.client, { tls });
  return by.identify(scope) as Finding;
}

const method = (match: CertificateMatch[]) => clientCertificateMethod({ type: 'ClientCertificate', name: '0', match });
const isKnown = (name: string, ...match: CertificateMatch[]): boolean => 'identity' in asks(tlsOf(name), match);

test('says who it is, in all that a backend may want to know', () => {
  const certificate = new X509Certificate(der.alice!);
  expect(asks(tlsOf('alice'))).toEqual({
    identity: {
      subject: 'CN=alice',
      claims: {
        sub: 'CN=alice',
        cn: ['alice'],
        issuer: 'CN=ours',
        serial: certificate.serialNumber,
        fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
        dns: ['alice.example', 'a.example'],
        uri: ['spiffe://x/alice'],
        email: [],
        verify: 'SUCCESS',
        pem: encodeURIComponent(certificate.toString()),
      },
    },
  });
  expect(asks(tlsOf('bob'))).toMatchObject({ identity: { claims: { dns: [], uri: [], email: [] } } });
});

test('nobody is known without one, or by one that the listener could not verify', () => {
  const absent = { why: 'absent', status: 403 };
  for (const tls of [undefined, tlsOf(undefined), tlsOf(undefined, false)]) expect(asks(tls)).toMatchObject(absent);
  const match: CertificateMatch[] = [{ field: 'CommonName', type: 'Exact', value: 'alice' }];
  for (const some of [[], match])
    expect(asks(tlsOf('alice', false), some)).toMatchObject({ why: 'wrong', status: 403 });
});

describe('of those that may', () => {
  test.each<[CertificateMatch['field'], string, string]>([
    ['Subject', 'CN=alice', 'CN=.*'],
    ['CommonName', 'alice', 'al.*'],
    ['DNS', 'a.example', '.*\\.example'],
    ['URI', 'spiffe://x/alice', 'spiffe://x/.*'],
  ])('by %s', (field, value, expression) => {
    const exact = { field, type: 'Exact', value } as const;
    expect(isKnown('alice', exact)).toBe(true);
    expect(isKnown('nobody', exact)).toBe(false);
    expect(isKnown('alice', { ...exact, value: value.slice(1) })).toBe(false);
    expect(isKnown('alice', { ...exact, value: expression })).toBe(false);
    expect(isKnown('alice', { field, type: 'RegularExpression', value: expression })).toBe(true);
    // All of it, and not a part.
    expect(isKnown('alice', { field, type: 'RegularExpression', value: value.slice(0, -1) })).toBe(false);
    expect(isKnown('alice', { field, type: 'RegularExpression', value: value.slice(1) })).toBe(false);
  });

  test('one match is enough, and by an address of mail nobody is known who has none', () => {
    const [alice, bob] = ['alice', 'bob'].map((value) => ({ field: 'CommonName', type: 'Exact', value }) as const);
    expect([isKnown('bob', alice!, bob!), isKnown('nobody', alice!, bob!)]).toEqual([true, false]);
    expect(isKnown('alice', { field: 'Email', type: 'RegularExpression', value: '.*' })).toBe(false);
  });
});

test('no other part of a subject is a name, nor is what stands within another one', () => {
  expect(isKnown('unit', { field: 'CommonName', type: 'Exact', value: 'alice' })).toBe(false);
  expect(isKnown('comma', { field: 'CommonName', type: 'Exact', value: 'comma' })).toBe(true);
  expect(isKnown('comma', { field: 'DNS', type: 'Exact', value: 'a.example' })).toBe(false);
  expect(isKnown('comma', { field: 'URI', type: 'Exact', value: 'spiffe://x/alice' })).toBe(false);
  // One that has to be written in quotes is nobody's.
  expect(isKnown('comma', { field: 'URI', type: 'RegularExpression', value: '.*' })).toBe(false);
});

test('each connection is judged once, and by its own certificate', () => {
  const by = method([{ field: 'CommonName', type: 'Exact', value: 'alice' }]);
  const [alice, bob] = [tlsOf('alice'), tlsOf('bob')];
  const first = asks(alice, [], by);
  expect(asks(bob, [], by)).toMatchObject({ why: 'wrong', status: 403 });
  expect(asks(alice, [], by)).toBe(first);
  expect(first).toHaveProperty('identity');
  // What is verified now may not be any more.
  alice.peerVerified = false;
  expect(asks(alice, [], by)).toMatchObject({ why: 'wrong' });
});

test('what it finds is no secret', () => {
  expect(method([]).takesSecret(new RecordedScope({}))).toBe(false);
});
