import { describe, expect, test } from 'vitest';
import type { CrossSiteSettings } from '../../config/index.ts';
import { PolicyState } from '../state/index.ts';
import { crossSiteFilters } from './cross-site.ts';
import { type Asked, RecordedScope, run } from './filter.suite.ts';

const SETTINGS: CrossSiteSettings = {
  origins: ['https://friend.example'],
  unknown: 'Allow',
  statusCode: 403,
  shadow: false,
};
const SOURCE = 'AccessPolicy/default/a';
const HOST = 'shop.example';

function filter(more: Partial<CrossSiteSettings> = {}, holds: 'Default' | 'Override' = 'Default') {
  return crossSiteFilters({ source: SOURCE, holds }, { ...SETTINGS, ...more }, new PolicyState())[0]!;
}

function comes(headers: NonNullable<Asked['headers']>, more: Partial<CrossSiteSettings> = {}, asked: Asked = {}) {
  return run(filter(more), { method: 'POST', host: HOST, headers, ...asked }).denial === undefined;
}

describe('what may change something', () => {
  test.each<[string, NonNullable<Asked['headers']>, boolean]>([
    ['from here', [['sec-fetch-site', 'same-origin']], true],
    ['from nowhere', [['sec-fetch-site', 'none']], true],
    ['from a sister', [['sec-fetch-site', 'same-site']], false],
    ['from another site', [['sec-fetch-site', 'cross-site']], false],
    [
      'from another site that is a friend',
      [
        ['sec-fetch-site', 'cross-site'],
        ['origin', 'https://friend.example'],
      ],
      true,
    ],
    [
      'from another site that is none',
      [
        ['sec-fetch-site', 'cross-site'],
        ['origin', 'https://foe.example'],
      ],
      false,
    ],
    [
      'from two kinds of site',
      [
        ['sec-fetch-site', 'same-origin'],
        ['sec-fetch-site', 'same-origin'],
      ],
      false,
    ],
    ['of the own origin', [['origin', `https://${HOST}`]], true],
    ['of the own origin with its port', [['origin', `https://${HOST}:443`]], true],
    ['of the own origin, plain', [['origin', `http://${HOST}:80`]], true],
    ['of another port', [['origin', `https://${HOST}:8443`]], false],
    ['of no scheme of the web', [['origin', `ftp://${HOST}`]], false],
    ['of an origin that ends so', [['origin', `https://not${HOST}`]], false],
    ['of an origin that begins so', [['origin', `https://${HOST}.foe.example`]], false],
    ['of an origin with a user', [['origin', `https://foe@${HOST}`]], false],
    ['of an origin with a path', [['origin', `https://${HOST}/`]], false],
    [
      'of two origins',
      [
        ['origin', `https://${HOST}`],
        ['origin', `https://${HOST}`],
      ],
      false,
    ],
    ['of a friend', [['origin', 'https://friend.example']], true],
    ['of no origin', [['origin', 'null']], false],
    ['of an empty origin', [['origin', '']], false],
    [
      'of a foe whose page is ours',
      [
        ['origin', 'https://foe.example'],
        ['referer', `https://${HOST}/`],
      ],
      false,
    ],
    ['of a page of ours', [['referer', `https://${HOST}/a?b`]], true],
    ['of a page of a friend', [['referer', 'https://friend.example/a']], true],
    ['of a page of a foe', [['referer', 'https://foe.example/a']], false],
    ['of a page that is none', [['referer', 'shop.example']], false],
    [
      'of two pages',
      [
        ['referer', `https://${HOST}/`],
        ['referer', `https://${HOST}/`],
      ],
      false,
    ],
    [
      'of a page of ours on another site',
      [
        ['sec-fetch-site', 'cross-site'],
        ['referer', `https://${HOST}/`],
      ],
      false,
    ],
    ['of nobody knows where', [], true],
  ])('%s', (_, headers, may) => {
    expect(comes(headers)).toBe(may);
  });

  test('of nobody knows where, where that is denied', () => {
    expect(comes([], { unknown: 'Deny' })).toBe(false);
    expect(comes([['referer', `https://${HOST}/`]], { unknown: 'Deny' })).toBe(true);
  });

  test('is what is not known to change nothing', () => {
    const foe = [['origin', 'https://foe.example']] as const;
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE']) expect(comes(foe, {}, { method })).toBe(true);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'get', 'QUERY', 'CONNECT']) {
      expect(comes(foe, {}, { method })).toBe(false);
    }
  });
});

test('a host with a port of its own is the same with that port alone', () => {
  const scope = (origin: string) => {
    const asking = new RecordedScope({ method: 'POST', host: HOST, headers: [['origin', origin]] });
    asking.head.hostPort = 8443;
    filter().onRequest(asking);
    return asking.denial === undefined;
  };
  expect([scope(`https://${HOST}:8443`), scope(`https://${HOST}`), scope(`https://${HOST}:80`)]).toEqual([
    true,
    false,
    false,
  ]);
});

test('a refusal is as it is said, and is counted', () => {
  const body = { contentType: 'text/plain', text: 'no' };
  const asked: Asked = { method: 'POST', headers: [['origin', 'https://foe.example']] };
  const plain = run(filter(), asked);
  expect(plain.denial).toMatchObject({ status: 403, reason: 'cross_site' });
  expect(plain.denial).not.toHaveProperty('body');
  expect(plain.told).toEqual([`${SOURCE} csrf denied`]);
  expect(run(filter({ statusCode: 418, body }), asked).denial).toMatchObject({ status: 418, body });
});

test('a shadow lets pass, and says what would have been', () => {
  const scope = run(filter({ shadow: true }), { method: 'POST', headers: [['origin', 'https://foe.example']] });
  expect([scope.denial, scope.told]).toEqual([undefined, [`${SOURCE} csrf would-deny`]]);
});

test('a default yields to what is nearer, an override does not', () => {
  expect([filter().yields, filter({}, 'Override').yields]).toEqual([true, false]);
});
