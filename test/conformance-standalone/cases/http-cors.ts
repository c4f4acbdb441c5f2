import type { Ask } from '../ask.ts';
import type { Case } from '../case.ts';

const ASKED = 'x-header-1, x-header-2';
const EITHER = [ASKED, 'x-header-2, x-header-1'];
const ALLOW = 'access-control-allow';

type Answered = NonNullable<Ask['response']>;

function preflight(path: string, origin: string, method: string): Ask {
  return {
    method: 'OPTIONS',
    path,
    headers: { Origin: origin, 'Access-Control-Request-Method': method },
    status: [200, 204],
  };
}

function withHeaders(ask: Ask): Ask {
  return { ...ask, headers: { ...ask.headers, 'Access-Control-Request-Headers': ASKED } };
}

function plain(path: string, { origin, method = 'GET' }: { origin: string; method?: string }, response: Answered): Ask {
  return { method, path, headers: { Origin: origin }, to: 'infra-backend-v1', response };
}

const FOO = 'https://www.foo.com';
const STRANGER = 'https://foobar.com';
const WITH_PORT = 'https://foobar.com:12345';
const OTHER = 'https://other.foo.com';
const NONE = { absent: [`${ALLOW}-origin`] };
const NO_CREDENTIALS = { absent: [`${ALLOW}-credentials`] };

function known(origin: string): Ask {
  return {
    ...withHeaders(preflight('/cors-1', origin, 'GET')),
    response: {
      headers: {
        [`${ALLOW}-origin`]: origin,
        [`${ALLOW}-methods`]: ['GET, OPTIONS', 'OPTIONS, GET'],
        [`${ALLOW}-headers`]: EITHER,
        'access-control-expose-headers': ['x-header-3, x-header-4', 'x-header-4, x-header-3'],
        'access-control-max-age': '3600',
        [`${ALLOW}-credentials`]: 'true',
      },
    },
  };
}

function anyOrigin(origin: string): Ask {
  const headers = { [`${ALLOW}-origin`]: [origin, '*'], [`${ALLOW}-methods`]: 'PUT' };
  return { ...preflight('/cors-wildcard-origin', origin, 'PUT'), response: { headers, ...NO_CREDENTIALS } };
}

const ANY_METHOD = { ...preflight('/cors-2', FOO, 'POST') };
const EVERYTHING = '/cors-wildcard-methods-headers';

/** HTTPRoute: CORS. */
export const HTTP_CORS: Case[] = [
  {
    test: 'HTTPRouteCORS',
    served: [
      'HTTPRoute cors-multiple-origins-methods-headers',
      'HTTPRoute cors-wildcard-methods',
      'HTTPRoute cors-wildcard-origin',
      'HTTPRoute cors-wildcard-methods-headers',
    ],
    asks: [
      known(FOO),
      known('https://www.bar.com'),
      known('https://xpto.www.bar.com'),
      { ...preflight('/cors-1', STRANGER, 'GET'), status: [200, 204, 403], response: NONE },
      plain('/cors-1', { origin: FOO }, { headers: { [`${ALLOW}-origin`]: FOO } }),
      plain('/cors-1', { origin: 'https://www.bar.com' }, { headers: { [`${ALLOW}-origin`]: 'https://www.bar.com' } }),
      plain('/cors-1', { origin: STRANGER }, NONE),
      {
        ...ANY_METHOD,
        response: { headers: { [`${ALLOW}-methods`]: ['POST', '*'], [`${ALLOW}-origin`]: FOO }, ...NO_CREDENTIALS },
      },
      anyOrigin(STRANGER),
      anyOrigin(WITH_PORT),
      ...[STRANGER, WITH_PORT].map((origin) =>
        plain(
          '/cors-wildcard-origin',
          { origin, method: 'PUT' },
          { headers: { [`${ALLOW}-origin`]: [origin, '*'] }, ...NO_CREDENTIALS },
        ),
      ),
      {
        ...withHeaders(preflight(EVERYTHING, OTHER, 'PUT')),
        response: {
          headers: {
            [`${ALLOW}-origin`]: OTHER,
            [`${ALLOW}-methods`]: 'PUT',
            [`${ALLOW}-headers`]: EITHER,
            [`${ALLOW}-credentials`]: 'true',
          },
        },
      },
      {
        ...withHeaders(preflight(`${EVERYTHING}-unauth`, OTHER, 'PUT')),
        response: {
          headers: {
            [`${ALLOW}-origin`]: [OTHER, '*'],
            [`${ALLOW}-methods`]: ['PUT', '*'],
            [`${ALLOW}-headers`]: [...EITHER, '*'],
          },
          ...NO_CREDENTIALS,
        },
      },
      plain(
        EVERYTHING,
        { origin: OTHER },
        {
          headers: { [`${ALLOW}-origin`]: OTHER, [`${ALLOW}-credentials`]: 'true' },
        },
      ),
      plain(
        `${EVERYTHING}-unauth`,
        { origin: OTHER },
        {
          headers: { [`${ALLOW}-origin`]: [OTHER, '*'] },
          ...NO_CREDENTIALS,
        },
      ),
    ],
  },
];
