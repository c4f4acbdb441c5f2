/** What listeners ask of clients' certificates, and that what cannot be had lets nobody in. */
import { beforeAll, describe, expect, test } from 'vitest';
import { Authority } from '../../../test/tls/authority.ts';
import type {
  ClientCertificateSettings,
  ClientValidation,
  ConfigObject,
  Credential,
  Policy,
} from '../../config/index.ts';
import { Snapshot } from '../../config/index.ts';
import { readRevocationLists } from '../../value/revocation-list.ts';
import type { ClientDemand } from '../listen/index.ts';
import { checkRevoked, clientDemand } from './client-demand.ts';
import { listener } from './plane.suite.ts';

const FORWARD = { certificate: true, chain: true };
const SETTINGS: ClientCertificateSettings = {
  source: 'P/d/p',
  mode: 'Required',
  trust: ['ca'],
  revoked: [],
  forward: FORWARD,
};

const BROKEN_PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

let ours: Authority;
let others: Authority;
let list: string;
let certificates: ConfigObject[];
beforeAll(async () => {
  [ours, others] = await Promise.all([Authority.make('ours'), Authority.make('others')]);
  const lists = readRevocationLists(Buffer.from(await ours.revocations([])));
  list = 'fault' in lists ? lists.fault : lists[0]!.pem;
  certificates = [
    { kind: 'TrustBundle', key: 'ca', pem: ours.certificate },
    { kind: 'TrustBundle', key: 'more', pem: `${others.certificate}\n${ours.certificate}` },
    { kind: 'TrustBundle', key: 'half', pem: `${ours.certificate}\n${BROKEN_PEM}` },
    revoked('list', [list]),
    revoked('lists', [list, list]),
    { kind: 'Credential', key: 'users', content: { type: 'Users', users: [] } },
  ];
});

function revoked(key: string, lists: string[]): Credential {
  return { kind: 'Credential', key, content: { type: 'Revoked', lists } };
}

function policyOf(more: Partial<ClientCertificateSettings>): Policy {
  const target = { kind: 'Listener' as const, key: 'd/g/l' };
  return {
    kind: 'Policy',
    key: `ClientCertificates/${target.key}`,
    type: 'ClientCertificates',
    target,
    spec: { ...SETTINGS, ...more },
  };
}

const configOf = (...more: ConfigObject[]): Snapshot =>
  Snapshot.EMPTY.apply({ version: 1, upserts: [...certificates, ...more], removals: [] });

function demanded(more: Partial<ClientCertificateSettings>, protocol: 'HTTPS' | 'TLS' = 'HTTPS'): ClientDemand {
  return clientDemand(listener(protocol), configOf(policyOf(more)))!;
}

function ofGateway(mode: ClientValidation['mode'], trust = ['ca']): ClientDemand | undefined {
  const tls = { mode: 'Terminate' as const, certificates: [], clientValidation: { mode, trust } };
  return clientDemand(listener('HTTPS', { tls }), configOf());
}

test('nothing is asked where neither a policy nor the Gateway says so', () => {
  expect(clientDemand(listener('HTTPS'), configOf())).toBeUndefined();
  expect(clientDemand(listener('HTTP'), configOf())).toBeUndefined();
});

describe('a policy', () => {
  test.each([
    ['Required', 'verify'],
    ['Optional', 'optional'],
    ['OptionalUnverified', 'request'],
  ] as const)('%s', (mode, wanted) => {
    const demand = demanded({ mode });
    expect(demand).toEqual({
      mode: wanted,
      options: { ca: [ours.certificate] },
      key: demand.key,
      outdates: demand.key,
      depth: undefined,
      forward: FORWARD,
    });
    expect(demand.key).not.toBe('');
  });

  test('counts, and not what the Gateway says', () => {
    const clientValidation = { mode: 'AllowInsecureFallback' as const, trust: ['more'] };
    const one = listener('HTTPS', { tls: { mode: 'Terminate', certificates: [], clientValidation } });
    expect(clientDemand(one, configOf(policyOf({})))).toMatchObject({
      mode: 'verify',
      options: { ca: [ours.certificate] },
    });
  });

  test('all lists of what was taken back come with it', () => {
    expect(demanded({ revoked: ['list', 'lists'] }).options.crl).toEqual([list, list, list]);
    expect(demanded({ revoked: ['list'] }).options.crl).toEqual([list]);
  });

  test('authorities are read where it matters how far away they are', () => {
    const { depth } = demanded({ trust: ['ca', 'more'], depth: 1 });
    expect(depth?.most).toBe(1);
    expect(depth?.authorities.map(({ subject }) => subject)).toEqual(['CN=ours', 'CN=others', 'CN=ours']);
  });

  test('what of a bundle cannot be read is passed over, as TLS does, where no distance is asked for', () => {
    expect(demanded({ trust: ['half'] }).mode).toBe('verify');
  });

  test('all that decides who is let in, and what is told of it, makes another demand', () => {
    const all = [
      {},
      { mode: 'Optional' as const },
      { trust: ['more'] },
      { revoked: ['list'] },
      { depth: 1 },
      { forward: { certificate: true, chain: false } },
      { errorPage: 'https://a.example/' },
    ];
    const keys = all.map((more) => demanded(more).key);
    expect(new Set(keys).size).toBe(all.length);
    expect(demanded({ source: 'P/d/other' }).key).toBe(keys[0]);
    // Which page it is changes nothing of the connection.
    expect(demanded({ errorPage: 'https://b.example/' }).key).toBe(keys.at(-1));
  });

  test.each<[string, Partial<ClientCertificateSettings>]>([
    ['it says that it is broken', { broken: 'for a reason' }],
    ['its bundle is gone', { trust: ['gone'] }],
    ['it names no bundle', { trust: [] }],
    ['nobody knows how far away an authority is that cannot be read', { trust: ['half'], depth: 1 }],
    ['a list is gone', { revoked: ['list', 'gone'] }],
    ['what it names for a list is none', { revoked: ['users', 'list'] }],
  ])('lets nobody in where %s', (_, more) => {
    expect(demanded({ mode: 'OptionalUnverified', ...more })).toEqual({
      mode: 'nobody',
      options: {},
      key: 'nobody',
      outdates: 'nobody',
    });
  });

  test('that is of another type lets nobody in', () => {
    const odd = { ...policyOf({}), type: 'Cache' } as unknown as Policy;
    expect(clientDemand(listener('HTTPS'), configOf(odd))?.mode).toBe('nobody');
  });
});

describe('a page for who would be turned away', () => {
  const errorPage = 'https://a.example/';

  test('lets all in for it, where requests are read', () => {
    expect(demanded({ errorPage })).toMatchObject({ mode: 'request', beyondPage: 'verify' });
    expect(demanded({ errorPage, mode: 'Optional' })).toMatchObject({ mode: 'request', beyondPage: 'optional' });
  });

  test.each([
    ['bytes are relayed', demandedLater({ errorPage }, 'TLS'), 'verify'],
    ['nobody is let in', demandedLater({ errorPage, broken: 'so' }), 'nobody'],
    ['there is none', demandedLater({}), 'verify'],
  ] as const)('is none where %s', (_, demand, mode) => {
    expect(demand().mode).toBe(mode);
    expect(demand()).not.toHaveProperty('beyondPage');
  });

  function demandedLater(more: Partial<ClientCertificateSettings>, protocol?: 'TLS'): () => ClientDemand {
    return () => demanded(more, protocol);
  }
});

describe('the Gateway', () => {
  test('asks for a valid one, or looks at what is shown, and ends no connection when that changes', () => {
    const strict = ofGateway('AllowValidOnly');
    expect(strict).toMatchObject({ mode: 'verify', outdates: '', options: { ca: [ours.certificate] } });
    expect(strict?.forward).toBeUndefined();
    expect(ofGateway('AllowInsecureFallback')).toMatchObject({ mode: 'request', outdates: '' });
  });

  test('lets nobody in whose bundle is gone', () => {
    expect(ofGateway('AllowInsecureFallback', ['gone'])).toMatchObject({ mode: 'nobody', key: 'nobody' });
  });
});

describe('what was made', () => {
  test('is the same for as long as all that it was made of is', () => {
    const [policy, one] = [policyOf({ trust: ['ca', 'more'], revoked: ['list'] }), listener('HTTPS')];
    const config = configOf(policy);
    const demand = clientDemand(one, config);
    const next = (upsert: ConfigObject): Snapshot => config.apply({ version: 2, upserts: [upsert], removals: [] });
    expect(clientDemand(one, next(listener('HTTP')))).toBe(demand);
    expect(clientDemand(one, next(revoked('list', [list])))).not.toBe(demand);
    const changed = next({ kind: 'TrustBundle', key: 'more', pem: others.certificate });
    expect(clientDemand(one, changed)?.options.ca).toEqual([ours.certificate, others.certificate]);
  });

  test('knows how many parts there are', () => {
    const policy = policyOf({ trust: ['ca'] });
    const config = configOf(policy);
    const first = clientDemand(listener('HTTPS'), config);
    // The same object is never another: only a fault of ours would do this.
    if (policy.type === 'ClientCertificates') policy.spec.trust.push('more');
    expect(clientDemand(listener('HTTPS'), config)).not.toBe(first);
  });
});

test('lists that TLS cannot use are refused by name', () => {
  expect(() => checkRevoked(revoked('d/list', [list]))).not.toThrow();
  expect(() => checkRevoked(revoked('d/bad', ['nothing']))).toThrow(/^Lists of revoked certificates d\/bad: \S/);
  const users: Credential = { kind: 'Credential', key: 'd/users', content: { type: 'Users', users: [] } };
  expect(() => checkRevoked(users)).not.toThrow();
});
