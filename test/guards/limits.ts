/** RateLimitPolicy: counted by one gateway, and by all that share a Redis. */
import { type Guard, holding, type Statuses, shows, type Visitor, without } from './guard.ts';
import { ofPolicy, policy, route, secret } from './rows.ts';

const KIND = 'RateLimitPolicy';
const LIMITED: Statuses = [429, 200];
const UNKNOWN: Statuses = [503, 503];
const BROKEN: Statuses = [500, 500];
const NO_PATTERN = {
  limits: [{ requests: 9, per: 'Day', when: [{ headers: [{ type: 'RegularExpression', name: 'x', value: '(' }] }] }],
};
const LIMIT = { requests: 1, per: 'Day', burst: 1, key: [{ type: 'Header', name: 'x-who' }] };

/** The second time is one too many. */
const tooOften: Visitor = async (knock) => {
  await knock({ headers: { 'x-who': 'often' } });
  return (await knock({ headers: { 'x-who': 'often' } })).status;
};
let came = 0;
const once: Visitor = (knock, place) => shows({ headers: { 'x-who': `once-${came++}` } })(knock, place);
/** Answers to whoever asks for it come so slowly that they do not end. */
const SLOW = { bytesPerSecond: 1, when: [{ headers: [{ name: 'x-slow', value: 'please' }] }] };
const UNDERWAY = { maxConnections: 1, key: LIMIT.key };
/** The second comes while the first is under way, which is another's each time: the last one may be going still. */
const atOnce: Visitor = async (knock) => {
  const headers = { 'x-who': `twice-${came++}` };
  let status = 0;
  await knock({
    headers: { ...headers, 'x-slow': 'please' },
    meanwhile: async () => {
      status = (await knock({ headers })).status;
    },
  });
  return status;
};
/** What is made of an answer that had not ended when others had come and gone; no gateway says it. */
const HELD_BACK = 509;
const atAPace: Visitor = async (knock) => {
  const others = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) await knock({ headers: { 'x-who': 'others' } });
  };
  const { status, whole } = await knock({ headers: { 'x-slow': 'please' }, meanwhile: others });
  return status === 200 && !whole ? HELD_BACK : status;
};

export const LIMITS: Guard[] = [
  {
    name: `${KIND}: requests`,
    of: `${KIND} requests`,
    objects: (place) => [route(place), policy(KIND, place, { limits: [LIMIT] })],
    stranger: tooOften,
    welcome: once,
    whole: LIMITED,
    failures: ofPolicy(KIND, LIMITED, NO_PATTERN),
  },
  {
    name: `${KIND}: maxConnections`,
    of: `${KIND} maxConnections`,
    objects: (place) => [route(place), policy(KIND, place, { limits: [UNDERWAY, SLOW] })],
    stranger: atOnce,
    welcome: once,
    whole: LIMITED,
    failures: ofPolicy(KIND, LIMITED, NO_PATTERN),
  },
  {
    name: `${KIND}: bytesPerSecond`,
    of: `${KIND} bytesPerSecond`,
    objects: (place) => [route(place), policy(KIND, place, { limits: [SLOW] })],
    stranger: atAPace,
    welcome: once,
    whole: [HELD_BACK, 200],
    failures: ofPolicy(KIND, [HELD_BACK, 200], NO_PATTERN),
  },
  {
    name: `${KIND}: Shared, and closed where Redis is away`,
    of: `${KIND} Shared`,
    objects: (place) => [
      route(place),
      policy(KIND, place, {
        mode: 'Shared',
        limits: [{ name: place.name, ...LIMIT }],
        shared: { redis: { url: `redis://127.0.0.1:${place.peer}` }, onFailure: 'Closed', timeout: '1s' },
      }),
    ],
    stranger: tooOften,
    welcome: once,
    whole: LIMITED,
    asks: 'redis',
    failures: {
      ...ofPolicy(KIND, LIMITED, NO_PATTERN),
      peerMissing: 'a Redis is named by its address',
      peerAway: { peer: 'away', fresh: UNKNOWN, served: UNKNOWN },
      peerSilent: { peer: 'silent', fresh: UNKNOWN, served: UNKNOWN },
      peerResetting: { peer: 'resetting', fresh: UNKNOWN, served: UNKNOWN },
      peerBabbling: { peer: 'babbling', fresh: UNKNOWN, served: UNKNOWN },
    },
  },
  {
    name: `${KIND}: Shared, with a password`,
    of: `${KIND} Shared`,
    objects: (place) => [
      route(place),
      secret(place.name, { password: 'secret' }),
      policy(KIND, place, {
        mode: 'Shared',
        limits: [{ name: place.name, ...LIMIT }],
        shared: {
          redis: { url: `redis://127.0.0.1:${place.peer}`, secretRef: { name: place.name } },
          onFailure: 'Closed',
          timeout: '1s',
        },
      }),
    ],
    stranger: tooOften,
    welcome: once,
    whole: LIMITED,
    asks: 'lockedRedis',
    failures: {
      ...ofPolicy(KIND, LIMITED, NO_PATTERN),
      secretMissing: { edit: without('Secret'), fresh: BROKEN, served: BROKEN },
      secretWithoutKey: { edit: holding({ other: 'x' }), fresh: BROKEN, served: BROKEN },
      secretEmptied: { edit: holding({}), fresh: BROKEN, served: BROKEN },
      grantMissing: 'its Secret is of its own namespace alone',
    },
  },
];
