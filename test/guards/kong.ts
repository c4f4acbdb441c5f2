/** Plugins of Kong that guard, on the route that asks for them. */
import {
  type ApiObject,
  type Asked,
  changed,
  type Failure,
  type FailureName,
  type Guard,
  holding,
  type Place,
  replaced,
  type Statuses,
  shows,
  without,
} from './guard.ts';
import { MATERIAL } from './material.ts';
import { ALONE, BROKEN, NOWHERE, OPEN, route } from './rows.ts';

const LONG = 'a secret that is long enough for a signature';
const login = (password: string): Asked => ({
  headers: { authorization: `Basic ${Buffer.from(`u:${password}`).toString('base64')}` },
});
const token = (key: string, secret: string): Asked => ({
  headers: { authorization: `Bearer ${MATERIAL.tokenBy(secret, { iss: key })}` },
});

let came = 0;

interface Plugin {
  config(place: Place): object;
  /** Of somebody. */
  credential?(place: Place): object;
  stranger(place: Place): Asked;
  welcome?(place: Place): Asked;
  whole: Statuses;
  invalid: object;
}

const PLUGINS: Record<string, Plugin> = {
  'key-auth': {
    config: () => ({}),
    credential: ({ name }) => ({ key: `the key of ${name}` }),
    stranger: () => ({ headers: { apikey: 'another' } }),
    welcome: ({ name }) => ({ headers: { apikey: `the key of ${name}` } }),
    whole: [401, 200],
    invalid: { key_names: [] },
  },
  'basic-auth': {
    config: () => ({}),
    credential: ({ name }) => ({ username: name, password: 'secret' }),
    stranger: () => login('secret'),
    welcome: ({ name }) => ({
      headers: { authorization: `Basic ${Buffer.from(`${name}:secret`).toString('base64')}` },
    }),
    whole: [401, 200],
    invalid: { realm: 'a\r\nx: 1' },
  },
  jwt: {
    config: () => ({}),
    credential: ({ name }) => ({ key: name, secret: LONG, algorithm: 'HS256' }),
    stranger: ({ name }) => token(name, `${LONG}, another`),
    welcome: ({ name }) => token(name, LONG),
    whole: [401, 200],
    invalid: { header_names: ['a b'] },
  },
  'ip-restriction': {
    config: () => ({ deny: ['198.51.100.0/24'] }),
    stranger: () => ({ from: '198.51.100.1' }),
    whole: [403, 200],
    invalid: { deny: ['127.0.0.1/99'] },
  },
  'rate-limiting': {
    config: () => ({ hour: 1, policy: 'local', limit_by: 'header', header_name: 'x-who' }),
    stranger: () => ({ headers: { 'x-who': 'often' } }),
    welcome: () => ({ headers: { 'x-who': `once-${came++}` } }),
    whole: [429, 200],
    invalid: { hour: 0 },
  },
  'request-size-limiting': {
    config: () => ({ allowed_payload_size: 4, size_unit: 'bytes' }),
    stranger: () => ({ method: 'POST', body: '12345' }),
    whole: [413, 200],
    invalid: { allowed_payload_size: 'many' },
  },
  redirect: {
    config: () => ({ location: 'https://new.example' }),
    stranger: () => ({}),
    whole: [301, 301],
    invalid: { location: 'nowhere' },
  },
  'request-termination': {
    config: () => ({ status_code: 410 }),
    stranger: () => ({}),
    whole: [410, 410],
    invalid: { status_code: 700 },
  },
};

const kong = (kind: string, name: string, more: object): ApiObject => ({
  ...{ apiVersion: 'configuration.konghq.com/v1', kind, metadata: { name } },
  ...more,
});

/** A consumer with a Secret, and the plugin that the route's annotation names. */
function objectsOf(plugin: string, { config, credential }: Plugin, place: Place): ApiObject[] {
  const { metadata, ...rest } = route(place);
  const { name } = place;
  const labels = { 'konghq.com/credential': plugin };
  const somebody = credential && [
    kong('KongConsumer', name, { username: name, credentials: [name] }),
    { ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, labels } }, stringData: credential(place) },
  ];
  return [
    { ...rest, metadata: { ...metadata, annotations: { 'konghq.com/plugins': name } } } as ApiObject,
    ...(somebody ?? []),
    kong('KongPlugin', name, { plugin, config: config(place) }),
  ];
}

/** Without the Secret of the only consumer nobody is known. */
const NOBODY_KNOWN: Failure = { edit: without('Secret'), fresh: [401, 401], served: [401, 401] };

function guardOf([name, plugin]: [string, Plugin]): Guard {
  const { whole, invalid, credential } = plugin;
  const setTo = (config: object): Failure['edit'] =>
    changed('KongPlugin', (object) => ({ ...object, config: { ...(object.config as object), ...config } }));
  const secrets: Partial<Record<FailureName, Failure>> =
    (credential && {
      secretMissing: NOBODY_KNOWN,
      secretWithoutKey: { ...NOBODY_KNOWN, edit: holding({ other: 'x' }) },
      secretEmptied: { ...NOBODY_KNOWN, edit: holding({}) },
    }) ||
    {};
  const visitor =
    (which: 'stranger' | 'welcome'): Guard['stranger'] =>
    async (knock, place) => {
      const asked = (plugin[which] ?? (() => ({})))(place);
      if (which === 'stranger' && name === 'rate-limiting') await knock(asked);
      return shows(asked)(knock, place);
    };
  return {
    name: `KongPlugin ${name}`,
    of: `KongPlugin ${name}`,
    objects: (place) => objectsOf(name, plugin, place),
    stranger: visitor('stranger'),
    welcome: visitor('welcome'),
    whole,
    failures: {
      ...ALONE,
      ...secrets,
      sectionMissing: 'it is asked for by an annotation of what it guards',
      targetMissing: { edit: without('HTTPRoute'), fresh: NOWHERE, served: NOWHERE },
      fieldInvalid: {
        edit: changed('KongPlugin', (object) => ({ ...object, config: [] })),
        fresh: BROKEN,
        served: whole,
      },
      fieldUnusable: { edit: setTo(invalid), fresh: BROKEN, served: BROKEN },
      fieldUnknown: { edit: setTo({ no_such_field: 1 }), fresh: BROKEN, served: BROKEN },
      // What the annotation asks for is not there any more: unlike a policy, it was not taken back.
      peerMissing: { edit: without('KongPlugin'), fresh: BROKEN, served: BROKEN },
      deleted: { edit: replaced('konghq.com/plugins', 'example.com/plugins'), served: OPEN },
      createdBroken: { edit: setTo(invalid), served: BROKEN },
    },
  };
}

export const KONG: Guard[] = Object.entries(PLUGINS).map(guardOf);
