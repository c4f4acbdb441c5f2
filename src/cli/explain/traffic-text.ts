/** What policies say of connections, towards backends and from clients: every setting, also one that has no words of its own. */
import {
  type BackendTraffic,
  type ClientCertificateSettings,
  type ClientTraffic,
  type NameRefresh,
  policyKey,
  type Snapshot,
} from '../../config/index.ts';
import { clientDemand } from './client-demand.ts';
import { settingsText } from './setting-text.ts';

type BackendSettings = Required<BackendTraffic['spec']>;
type Words = { [F in keyof BackendSettings]?: (value: BackendSettings[F]) => string | undefined };

/** All others are told as they are called. What endpoints are asked is told beside them. */
const WORDS: Words = {
  loadBalancing: ({ type, hash, ...more }) => {
    const keys = (hash?.keys ?? []).map((key) => (key.name === undefined ? key.type : `${key.type} ${key.name}`));
    const rest = settingsText({ ...more, ...(hash ? { hash: { ...hash, keys: undefined } } : {}) }, 'loadBalancing');
    return [`${type}${keys.length > 0 ? ` by ${keys.join(' and ')}` : ''}`, ...rest].join(', ');
  },
  sessionPersistence: ({ type, name, secret: _, ...more }) =>
    [`session by ${type} ${name}`, ...settingsText(more, 'sessionPersistence')].join(', '),
  timeouts: (timeouts) => `timeouts: ${settingsText(timeouts, '', ' ms').join(', ')}`,
  retry: ({ attempts, ...more }) => [`up to ${attempts} retries`, ...settingsText(more, 'retry')].join(', '),
  httpVersion: (version) => SPOKEN[version],
  outlierDetection: (detection) =>
    detection.disabled
      ? 'no endpoint is passed over for what requests meet'
      : settingsText(detection, 'outlierDetection').join(', '),
  dns: (dns) => `its name is looked up ${refreshText(dns)}`,
  healthCheck: () => undefined,
};

const SPOKEN = {
  HTTP1: 'HTTP/1.1 is spoken',
  HTTP2: 'HTTP/2 is spoken',
  Auto: 'HTTP/2 or HTTP/1.1 is spoken, as each endpoint agrees to (ALPN)',
} as const;

/** Undefined: nothing of its own. */
export function backendTrafficText(snapshot: Snapshot, backend: string): string | undefined {
  const policy = snapshot.get('Policy', policyKey('BackendTraffic', backend));
  if (policy?.type !== 'BackendTraffic') return undefined;
  const parts = backendSettingsText(policy.spec);
  return parts.length === 0 ? undefined : parts.join('; ');
}

export function backendSettingsText(spec: BackendTraffic['spec']): string[] {
  return Object.entries(spec).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const words = (WORDS as Record<string, ((value: unknown) => string | undefined) | undefined>)[name];
    const text = words === undefined ? settingsText(value, name).join(', ') : words(value);
    return text === undefined || text === '' ? [] : [text];
  });
}

/** Undefined: nothing of its own. */
export function clientTrafficText(snapshot: Snapshot, listener: string | undefined): string | undefined {
  const policy = listener === undefined ? undefined : snapshot.get('Policy', policyKey('ClientTraffic', listener));
  const spec: ClientTraffic['spec'] = policy?.type === 'ClientTraffic' ? policy.spec : {};
  const demand = clientDemand(snapshot, listener);
  const own = clientSettingsText(spec);
  const parts = [...(own === '' ? [] : [own]), ...(demand === undefined ? [] : [certificatesText(demand)])];
  return parts.length === 0 ? undefined : parts.join('; ');
}

export function clientSettingsText(spec: ClientTraffic['spec']): string {
  return settingsText(spec, '').join('; ');
}

export function certificatesText(demand: ClientCertificateSettings): string {
  const { mode, trust, revoked, depth, forward, errorPage, broken } = demand;
  if (broken !== undefined) return `lets nobody in: ${broken}`;
  const who = { Required: 'must show', Optional: 'may show', OptionalUnverified: 'may show, whoever signed it,' }[mode];
  return [
    `clients ${who} a certificate (authorities: ${trust.join(', ') || 'none'})`,
    ...(revoked.length > 0 ? [`revoked ones: ${revoked.join(', ')}`] : []),
    ...settingsText({ depth, forward }, ''),
    ...(errorPage === undefined ? [] : [`whoever shows no valid one is sent to ${errorPage}`]),
  ].join(', ');
}

function refreshText({ minRefresh, maxRefresh }: NameRefresh): string {
  const least = minRefresh === undefined ? [] : [`after ${minRefresh} ms at least`];
  const most = maxRefresh === undefined ? [] : [`after ${maxRefresh} ms at most`];
  return [...least, ...most].join(', ');
}
