/** What Kong's annotations on a Service ask for of connections to its endpoints. */
import { flow } from '../flow.ts';
import { type BackendTraffic, targetOf } from '../ours.ts';
import {
  CA_CONFIG_MAPS,
  CA_SECRETS,
  CLIENT_CERTIFICATE,
  CONNECT_TIMEOUT,
  HOST_HEADER,
  PATH,
  PROTOCOL,
  READ_TIMEOUT,
  RETRIES,
  TLS_VERIFY,
  UPSTREAM_POLICY,
  WRITE_TIMEOUT,
} from './annotation.ts';
import type { Annotated, Note } from './attached.ts';

export interface AskedTraffic {
  /** Absent: nothing. */
  traffic?: BackendTraffic;
  notes: Note[];
  /** What would reach the endpoints otherwise than it must. */
  broken: string[];
}

type Annotations = Readonly<Record<string, string>>;

const TIMES = [
  [CONNECT_TIMEOUT, 'connect'],
  [READ_TIMEOUT, 'read'],
  [WRITE_TIMEOUT, 'send'],
] as const;
/** Milliseconds that a time of Kong's may have. */
const LONGEST = 2_147_483_646;
/** Of a policy of ours. */
const MOST_ATTEMPTS = 100;

export function askedTraffic({ name: service, annotations }: Annotated): AskedTraffic {
  const asked: AskedTraffic = { notes: [], broken: [] };
  const timeouts = timesOf(annotations, asked.notes);
  const attempts = countOf(annotations, { annotation: RETRIES, most: MOST_ATTEMPTS, notes: asked.notes });
  verifiedBy(service, annotations, asked.broken);
  pathBefore(service, annotations, asked.broken);
  sharedBy(service, annotations, asked.notes);
  const spoken = shownBy(annotations, spokenBy(annotations, asked));
  const traffic: BackendTraffic = {
    ...(Object.keys(timeouts).length > 0 ? { timeouts } : {}),
    ...(attempts === undefined ? {} : { retry: { attempts } }),
    ...spoken,
  };
  if (Object.keys(traffic).length > 0) asked.traffic = traffic;
  return asked;
}

function timesOf(annotations: Annotations, notes: Note[]): NonNullable<BackendTraffic['timeouts']> {
  const times = TIMES.flatMap(([annotation, name]) => {
    const time = countOf(annotations, { annotation, most: LONGEST, notes });
    if (time === 0) notes.push({ annotation, message: 'is no time: write milliseconds from 1; it does nothing' });
    return time === undefined || time === 0 ? [] : [[name, duration(time)] as const];
  });
  return Object.fromEntries(times);
}

/** As durations are written: five digits before a unit at most. */
function duration(time: number): string {
  const [seconds, rest] = [Math.floor(time / 1_000), time % 1_000];
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  const parts = [
    [hours, 'h'],
    [minutes, 'm'],
    [seconds % 60, 's'],
    [rest, 'ms'],
  ] as const;
  return parts.flatMap(([amount, unit]) => (amount === 0 ? [] : [`${amount}${unit}`])).join('');
}

interface Count {
  annotation: string;
  most: number;
  notes: Note[];
}

/** What is no number does nothing, as with Kong. */
function countOf(annotations: Annotations, { annotation, most, notes }: Count): number | undefined {
  const text = annotations[annotation]?.trim();
  if (text === undefined) return undefined;
  const count = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (count <= most) return count;
  notes.push({ annotation, message: `must be a whole number of at most ${most}; it does nothing` });
  return undefined;
}

const TLS: readonly string[] = ['https', 'grpcs', 'wss'];
const GRPC: readonly string[] = ['grpc', 'grpcs'];
const HTTP: readonly string[] = ['http', 'ws', ...TLS, ...GRPC];
const YES = /^(?:1|t|true)$/i;
const NO = /^(?:0|f|false)$/i;

/** Whoever asks for certificates to be verified must not get whoever answers. */
function verifiedBy(service: string, annotations: Annotations, broken: string[]): void {
  const verify = annotations[TLS_VERIFY]?.trim() ?? '';
  if (verify === '' || NO.test(verify)) return;
  if (!YES.test(verify)) {
    broken.push(`${TLS_VERIFY}: is neither true nor false: write a BackendTLSPolicy, which verifies, and remove it`);
    return;
  }
  const refs = (kind: string, annotation: string): object[] =>
    (annotations[annotation] ?? '').split(',').flatMap((text) => {
      const name = text.trim();
      return name === '' ? [] : [{ group: '', kind, name }];
    });
  const caCertificateRefs = [...refs('Secret', CA_SECRETS), ...refs('ConfigMap', CA_CONFIG_MAPS)];
  const hostname = annotations[HOST_HEADER] ?? 'NAME-IN-ITS-CERTIFICATE';
  const authorities = caCertificateRefs.length > 0 ? { caCertificateRefs } : { wellKnownCACertificates: 'System' };
  const spec = { targetRefs: [targetOf('Service', service)], validation: { hostname, ...authorities } };
  const form = caCertificateRefs.length > 0 ? ' (authorities as ca.crt)' : '';
  broken.push(
    `${TLS_VERIFY}: authorities are not read of annotations: write ${flow({ kind: 'BackendTLSPolicy', spec })}${form}, which verifies, and remove it`,
  );
}

/** Without it the backend would be asked for what lies outside of the path that is meant. */
function pathBefore(service: string, annotations: Annotations, broken: string[]): void {
  const path = annotations[PATH]?.trim().replace(/\/+$/, '') ?? '';
  if (path === '') return;
  const paths = [{ pattern: '^(/.*)$', substitution: `${path.replaceAll('$', '$$$$')}$1` }];
  const spec = { targetRefs: [targetOf('Service', service)], paths };
  broken.push(
    `${PATH}: is not served: write ${flow({ kind: 'RewritePolicy', spec })}, or a URLRewrite filter where the route has one, and remove it`,
  );
}

/** With what it shows of itself, wherever TLS is spoken; where the Secret cannot be used, nothing is sent. */
function shownBy(annotations: Annotations, spoken: BackendTraffic): BackendTraffic {
  const name = annotations[CLIENT_CERTIFICATE]?.trim() ?? '';
  return name === ''
    ? spoken
    : { ...spoken, tls: { ...spoken.tls, clientCertificateRef: { group: '', kind: 'Secret', name } } };
}

/** A KongUpstreamPolicy is nobody's here: what it says is written for the Service. */
function sharedBy(service: string, annotations: Annotations, notes: Note[]): void {
  const name = annotations[UPSTREAM_POLICY]?.trim() ?? '';
  if (name === '') return;
  const spec = { targetRefs: [targetOf('Service', service)], loadBalancing: { type: 'RoundRobin' } };
  const message = `KongUpstreamPolicy ${name} is not read: write ${flow({ kind: 'BackendTrafficPolicy', spec })}, with LeastRequest for least-connections and latency, ConsistentHash and consistentHash.keys for hashOn, healthCheck for active and outlierDetection for passive healthchecks, and remove it`;
  notes.push({ annotation: UPSTREAM_POLICY, message });
}

/** Whoever asks for TLS must not get none. */
function spokenBy(annotations: Annotations, { notes, broken }: AskedTraffic): BackendTraffic {
  const protocol = annotations[PROTOCOL]?.trim().toLowerCase() ?? '';
  if (protocol === '') return {};
  if (!HTTP.includes(protocol)) {
    broken.push(
      `${PROTOCOL}: ${protocol} is none that is spoken with endpoints here: write ${HTTP.join(', ')}, or appProtocol of the port`,
    );
    return {};
  }
  const isTls = TLS.includes(protocol);
  if (isTls) {
    const message =
      'WARNING: as with Kong TLS to the endpoints is not verified, whoever answers at their addresses is believed; a BackendTLSPolicy verifies them';
    notes.push({ annotation: PROTOCOL, message });
  }
  return {
    ...(GRPC.includes(protocol) ? { httpVersion: 'HTTP2' as const } : {}),
    ...(isTls ? { tls: { verification: 'Disabled' as const } } : {}),
  };
}
