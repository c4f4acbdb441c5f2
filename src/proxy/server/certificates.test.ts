/** Which certificates the listeners of a port show, and which config objects TLS can use. */
import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Pair } from '../../../test/tls/authority.ts';
import type { Certificate, Challenge, ConfigObject, Listener, Policy } from '../../config/index.ts';
import { Snapshot } from '../../config/index.ts';
import type { TlsContexts } from '../listen/index.ts';
import {
  challengeContexts,
  checkTrust,
  hasCertificate,
  isChallenged,
  presentable,
  tlsContexts,
} from './certificates.ts';
import { listener } from './plane.suite.ts';

let authority: Authority;
let pairs: Record<'a' | 'aToo' | 'aRsa' | 'b' | 'bRsa' | 'plain', Pair>;
beforeAll(async () => {
  authority = await Authority.make('ours');
  const [a, aToo, aRsa, b, bRsa, plain] = await Promise.all([
    authority.sign({ dns: ['a.example', 'w.example'] }),
    authority.sign({ dns: ['w.example', 'a.example'] }),
    authority.sign({ dns: ['w.example', 'a.example'], rsa: true }),
    authority.sign({ dns: ['b.example', 'a.example'] }),
    authority.sign({ dns: ['b.example'], rsa: true }),
    authority.sign({ name: 'a.example' }),
  ]);
  pairs = { a, aToo, aRsa, b, bRsa, plain };
});

const configOf = (...upserts: ConfigObject[]): Snapshot => Snapshot.EMPTY.apply({ version: 1, upserts, removals: [] });
const certificateOf = (pair: Pair, key = 'd/c'): Certificate => ({ kind: 'Certificate', key, ...pair });
const terminating = (certificates: string[], more: Partial<Listener> = {}): Listener =>
  listener('HTTPS', { tls: { mode: 'Terminate', certificates }, ...more });

/** Certificates of a listener in this order; a name that is none of `pairs` is in no config. */
function contextsOf(names: string[]): TlsContexts {
  const known = names.flatMap((name) => (name in pairs ? [certificateOf(pairs[name as 'a'], name)] : []));
  return tlsContexts([terminating(names)], configOf(...known));
}

/** Names of the pairs that are shown to who asks for this server name. */
function shown(contexts: TlsContexts, serverName: string): string[] {
  const { cert } = contexts.choose(serverName)!.context.present(serverName).options;
  const all = [cert].flat().map(String);
  return all.map((one) => Object.entries(pairs).find(([, { certificate }]) => certificate === one)![0]);
}

describe('what TLS cannot use', () => {
  test('a pair whose key is another’s is refused by name', () => {
    const mixed = { ...certificateOf(pairs.a, 'd/mixed'), privateKey: pairs.b.privateKey };
    expect(() => presentable(mixed)).toThrow(/^Certificate d\/mixed cannot be used: .*key values mismatch/);
    expect(() => presentable(mixed)).toThrow(expect.objectContaining({ code: 'DMN_CERTIFICATE_INVALID' }));
  });

  test('a bundle needs one certificate that can be read, whatever stands beside it', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    const trust = (pem: string) => () => checkTrust({ kind: 'TrustBundle', key: 'ConfigMap/d/ca', pem });
    expect(trust(`text\n${broken}${authority.certificate}`)).not.toThrow();
    expect(trust('text')).toThrow('CA bundle ConfigMap/d/ca cannot be used: it has no PEM certificate');
    expect(trust(broken)).toThrow(/^CA bundle ConfigMap\/d\/ca cannot be used: (?!it has no PEM)/);
  });
});

test('what was made of a pair is made once', () => {
  const certificate = certificateOf(pairs.a);
  expect(presentable(certificate)).toBe(presentable(certificate));
});

test('a listener that terminates TLS needs a certificate that is there; others need none', () => {
  const config = configOf(certificateOf(pairs.a));
  const passing = listener('TLS', { tls: { mode: 'Passthrough', certificates: [] } });
  const has = (one: Listener): boolean => hasCertificate(one, config);
  const all = [
    listener('HTTP'),
    passing,
    terminating(['d/c']),
    terminating(['d/gone', 'd/c']),
    terminating(['d/gone']),
  ];
  expect(all.map(has)).toEqual([true, true, true, true, false]);
});

describe('certificates of listeners', () => {
  test('only of those that terminate TLS and have one', () => {
    const listeners = [
      listener('HTTP', { hostname: 'plain.example' }),
      listener('TLS', { hostname: 'passed.example', tls: { mode: 'Passthrough', certificates: ['d/c'] } }),
      terminating(['d/gone'], { hostname: 'gone.example' }),
      terminating(['d/gone', 'd/c'], { hostname: 'ours.example' }),
    ];
    const contexts = tlsContexts(listeners, configOf(certificateOf(pairs.a)));
    const named = listeners.map(({ hostname }) => contexts.choose(hostname)?.context.hostname);
    expect(named).toEqual([undefined, undefined, undefined, 'ours.example']);
    expect(contexts.choose('ours.example')!.context).toMatchObject({ clients: 'ignore', demand: undefined });
  });

  test('settings are those of the policy of the listener, or the usual ones', () => {
    const policy: Policy = {
      kind: 'Policy',
      key: 'ClientTraffic/d/g/l',
      type: 'ClientTraffic',
      target: { kind: 'Listener', key: 'd/g/l' },
      spec: { tlsProfile: 'Modern', tls: { minVersion: '1.3' } },
    };
    const others = terminating(['d/c'], { key: 'd/g/other', hostname: 'other.example' });
    const contexts = tlsContexts([terminating(['d/c']), others], configOf(certificateOf(pairs.a), policy));
    expect(contexts.choose('a.example')!.context).toMatchObject({ profile: 'Modern', own: { minVersion: '1.3' } });
    expect(contexts.choose('other.example')!.context).toMatchObject({ profile: 'Intermediate', own: undefined });
  });

  test('what cannot be read of a policy leaves the usual settings', () => {
    const odd = {
      kind: 'Policy',
      key: 'ClientTraffic/d/g/l',
      type: 'Cache',
      target: { kind: 'Listener', key: 'd/g/l' },
      spec: { acts: [], tlsProfile: 'Modern' },
    } as unknown as Policy;
    const contexts = tlsContexts([terminating(['d/c'])], configOf(certificateOf(pairs.a), odd));
    expect(contexts.choose('a.example')!.context.profile).toBe('Intermediate');
  });

  test.each([
    ['the only one is for every name', ['a'], 'none.example', ['a']],
    ['the first that is for the name', ['a', 'b'], 'b.example', ['b']],
    ['of two for the name the first', ['b', 'a'], 'a.example', ['b']],
    ['and the first for it of another kind of key', ['a', 'bRsa', 'aRsa'], 'a.example', ['a', 'aRsa']],
    ['never two of one kind', ['a', 'aToo', 'aRsa'], 'a.example', ['a', 'aRsa']],
    ['nothing for nobody: the first, and its like of another kind', ['a', 'bRsa', 'aRsa'], 'no.example', ['a', 'aRsa']],
    ['no name: as for a name that none is for', ['a', 'bRsa', 'aRsa'], '', ['a', 'aRsa']],
    ['one for the name, though it is not the first', ['a', 'aRsa', 'bRsa'], 'b.example', ['bRsa']],
    ['without other names the common name counts', ['plain', 'a'], 'a.example', ['plain']],
  ])('%s', (_, names, serverName, wanted) => {
    expect(shown(contextsOf(names), serverName)).toEqual(wanted);
  });

  test('two of different kinds are put together once, each with its key', () => {
    const { context } = contextsOf(['a', 'aRsa']).choose('a.example')!;
    const both = context.present('a.example');
    expect(both.options.key).toEqual([pairs.a.privateKey, pairs.aRsa.privateKey]);
    expect(context.present('w.example')).toBe(both);
    expect(contextsOf(['a', 'aRsa']).choose('a.example')!.context.present('a.example')).not.toBe(both);
  });
});

describe('challenges of an authority', () => {
  const challenge = (key: string, listeners: string[], pair: Pair): Challenge => {
    return { kind: 'Challenge', key, listeners, ...pair };
  };

  test('are answered on the ports of the listeners that they name, whatever else these show', () => {
    const config = configOf(
      challenge('a.example', ['d/g/other', 'd/g/l'], pairs.a),
      challenge('b.example', [], pairs.b),
    );
    const [asked, unasked] = [listener('HTTPS'), listener('HTTPS', { key: 'd/g/quiet' })];
    expect([asked, unasked].map((one) => isChallenged(one, config))).toEqual([true, false]);
    expect(challengeContexts([unasked], config)).toBeUndefined();
    const contexts = challengeContexts([unasked, asked], config)!;
    expect(shown(contexts, 'a.example')).toEqual(['a']);
    expect(contexts.choose('b.example')!.context).toMatchObject({ clients: 'ignore', profile: 'Intermediate' });
    expect(contexts.choose('c.example')).toBeUndefined();
    expect(
      new X509Certificate(String(contexts.choose('b.example')!.context.present('').options.cert)).checkHost(
        'b.example',
      ),
    ).toBe('b.example');
  });
});
