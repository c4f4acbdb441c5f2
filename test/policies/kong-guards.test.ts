/** Kong's plugins that guard, in every form in which they cannot be followed: what they stand on is refused. */
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HTTP, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { consumer, credential, plugin, plugins, route } from './kong-manifest.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(manifests([HTTP], service('web')), { echo: true });
});
afterAll(() => rig.close());

async function ask(
  host: string,
  { headers = {} }: { headers?: Record<string, string> } = {},
): Promise<{ status: number }> {
  const options = { port: rig.port(), host: '127.0.0.1', headers: { host: `${host}.example`, ...headers } };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get(options, resolve).on('error', reject);
  });
  answer.resume();
  return { status: answer.statusCode! };
}

/** As little as each can be set to. */
const LEAST: Readonly<Record<string, object>> = {
  'key-auth': { key_names: ['apikey'], hide_credentials: true },
  'basic-auth': { realm: 'shop' },
  jwt: { header_names: ['authorization'] },
  'ip-restriction': { allow: ['10.0.0.0/8'] },
  'rate-limiting': { minute: 5 },
  'request-size-limiting': { allowed_payload_size: 1 },
  redirect: { location: 'https://new.example' },
  'request-termination': { status_code: 410 },
};

const GUARDS: Array<[string, object]> = [
  ['a plugin that is not there', plugin('other', 'key-auth')],
  ['a field that is not known', plugin('p', 'rate-limiting', { minute: 5, typo: 1 })],
  ['a field that is not served', plugin('p', 'ip-restriction', { allow: ['127.0.0.1'], status: '403' })],
  ['key-auth with anonymous', plugin('p', 'key-auth', { anonymous: 'guest' })],
  ['basic-auth with anonymous', plugin('p', 'basic-auth', { anonymous: 'guest' })],
  ['jwt by another claim', plugin('p', 'jwt', { key_claim_name: 'kid' })],
  ['a limit by month', plugin('p', 'rate-limiting', { month: 5 })],
  ['a plugin that nobody knows', plugin('p', 'my-guard')],
  ['a plugin of the enterprise edition', plugin('p', 'openid-connect')],
  [
    'settings in a Secret',
    plugin(
      'p',
      'ip-restriction',
      { allow: ['127.0.0.0/8'] },
      { configFrom: { secretKeyRef: { name: 's', key: 'k' } } },
    ),
  ],
  ['a size of text', plugin('p', 'request-size-limiting', { allowed_payload_size: 'many' })],
  ['a termination by header', plugin('p', 'request-termination', { trigger: 'x-stop' })],
  ['a redirect to nowhere', plugin('p', 'redirect', { location: 'nowhere' })],
  ['a network that is none', plugin('p', 'ip-restriction', { deny: ['10.0.0.1', '127.0.0.1/99'] })],
  ['a status that is no refusal', plugin('p', 'ip-restriction', { deny: ['10.0.0.1'], status: 200 })],
  ['a limit of nothing', plugin('p', 'rate-limiting', { minute: 0 })],
  ['a size of nothing', plugin('p', 'request-size-limiting', { allowed_payload_size: 0 })],
  ['a limit of a half', plugin('p', 'rate-limiting', { minute: 1.5 })],
  ['a termination by a status that there is not', plugin('p', 'request-termination', { status_code: 700 })],
  ...[
    'key-auth',
    'basic-auth',
    'jwt',
    'ip-restriction',
    'rate-limiting',
    'request-size-limiting',
    'redirect',
    'request-termination',
  ].flatMap(
    (kind): Array<[string, object]> => [
      [`${kind} that is set to a list`, plugin('p', kind, [])],
      [`${kind} with a field that nobody knows`, plugin('p', kind, { ...LEAST[kind], no_such_field: true })],
      [`${kind} with patches`, plugin('p', kind, LEAST[kind], { configPatches: [{ path: '/x' }] })],
      [
        `${kind} from a Secret`,
        plugin('p', kind, LEAST[kind], { configFrom: { secretKeyRef: { name: 's', key: 'k' } } }),
      ],
      [`${kind} in capitals`, plugin('p', kind.toUpperCase(), LEAST[kind])],
      ...Object.keys(LEAST[kind] ?? {}).map((field): [string, object] => [
        `${kind} with an object for ${field}`,
        plugin('p', kind, { ...LEAST[kind], [field]: { a: 1 } }),
      ]),
    ],
  ),
  ['keys that stand nowhere', plugin('p', 'key-auth', { key_names: [] })],
  ['keys under a name of blanks', plugin('p', 'key-auth', { key_names: [' '] })],
  ['keys under names that are numbers', plugin('p', 'key-auth', { key_names: [1] })],
  ['a realm with quotes', plugin('p', 'basic-auth', { realm: 'a"b' })],
  ['a realm of two lines', plugin('p', 'jwt', { realm: 'a\r\nx: 1' })],
  ['keys in nine places', plugin('p', 'key-auth', { key_names: ['a', 'b', 'c', 'd', 'e'] })],
  ['tokens in a header that is none', plugin('p', 'jwt', { header_names: ['a b'] })],
  [
    'a limit by a header that is none',
    plugin('p', 'rate-limiting', { minute: 5, limit_by: 'header', header_name: 'a:' }),
  ],
  ['a termination of two lines', plugin('p', 'request-termination', { content_type: 'a/b\r\nx: 1', body: 'x' })],
  ['a termination of no type', plugin('p', 'request-termination', { content_type: '', body: 'x' })],
  ['tokens that stand nowhere', plugin('p', 'jwt', { header_names: [], uri_param_names: [], cookie_names: [] })],
  ['tokens by text for a list', plugin('p', 'jwt', { header_names: 'authorization' })],
  ['a network of blanks', plugin('p', 'ip-restriction', { allow: [' 10.0.0.0/8'] })],
  ['a network with a zone', plugin('p', 'ip-restriction', { deny: ['fe80::1%eth0'] })],
  ['networks in a text', plugin('p', 'ip-restriction', { deny: '127.0.0.1' })],
  ['a size below nothing', plugin('p', 'request-size-limiting', { allowed_payload_size: -1 })],
  ['a size beyond numbers', plugin('p', 'request-size-limiting', { allowed_payload_size: 1e300 })],
  ['a limit beyond numbers', plugin('p', 'rate-limiting', { second: 1e300 })],
  ['a limit of text', plugin('p', 'rate-limiting', { second: '5' })],
  ['a redirect of another scheme', plugin('p', 'redirect', { location: 'javascript:alert(1)' })],
  ['a redirect with a user', plugin('p', 'redirect', { location: 'https://user@new.example' })],
];

let edits = 0;

describe('guards of Kong that cannot be followed refuse', () => {
  test.each(GUARDS)('%s', async (_name, broken) => {
    const there = [
      plugin('keyed', 'key-auth'),
      consumer('ann', 'ann-key'),
      credential('ann-key', 'key-auth', { key: 'the key of ann' }),
    ];
    const edit = route(`edit-${++edits}`, {});
    await rig.write(
      manifests([HTTP], route('a', plugins('p')), route('good', {}), service('web'), edit, ...there, broken),
    );
    expect((await ask('a')).status).toBe(500);
    expect((await ask('a', { headers: { apikey: 'the key of ann' } })).status).toBe(500);
    expect((await ask('good')).status).toBe(200);
    const accepted = JSON.stringify(
      rig.report().items.find(({ kind, metadata }) => kind === 'HTTPRoute' && metadata.name === 'a'),
    );
    expect(accepted).toContain('"status":"False","reason":"UnsupportedValue"');
    expect(accepted).toContain('konghq.com/plugins');
  });
});
