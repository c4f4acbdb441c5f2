/** What a ClientTrafficPolicy says of TLS, as OpenSSL takes it: names are checked, and versions against the profile. */
import { type ClientTrafficPolicy, POLICY_REASON } from '../../api/index.ts';
import type { ClientTls, TlsProfile, TlsVersion } from '../../config/index.ts';
import { type Problem, problem } from '../verdict/problem.ts';

type Asked = NonNullable<ClientTrafficPolicy['spec']['tls']>;

const LEAST: Readonly<Record<TlsProfile, TlsVersion>> = { Modern: '1.3', Intermediate: '1.2', Old: '1.0' };
/** Of OpenSSL, without those that need no certificate, or a password: how keys are agreed on, then what follows. */
const EXCHANGES = ['', 'DHE-RSA-', 'ECDHE-ECDSA-', 'ECDHE-RSA-'];
const CIPHERS = [
  ...['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'AES128-SHA', 'AES256-SHA', 'AES128-SHA256', 'AES256-SHA256'],
  ...['AES256-SHA384', 'CHACHA20-POLY1305'],
];
const LATE = ['AES_128_GCM_SHA256', 'AES_256_GCM_SHA384', 'CHACHA20_POLY1305_SHA256', 'AES_128_CCM_SHA256'];
const KNOWN: ReadonlySet<string> = new Set([
  ...EXCHANGES.flatMap((exchange) => CIPHERS.map((cipher) => exchange + cipher)).filter(isSuite),
  ...[...LATE, 'AES_128_CCM_8_SHA256'].map((name) => `TLS_${name}`),
]);

/** SHA-384 behind CBC came with elliptic curves, and ChaCha20 with ephemeral keys; those have no SHA-256 behind AES256. */
function isSuite(name: string): boolean {
  const isCurved = name.startsWith('ECDHE-');
  if (name.endsWith('AES256-SHA384')) return isCurved;
  if (name.endsWith('AES256-SHA256')) return !isCurved;
  return name !== 'CHACHA20-POLY1305';
}

/** The settings, or what is wrong with them. */
export function readTls(asked: Asked, profile: TlsProfile = 'Intermediate'): ClientTls | Problem[] {
  const { ciphers, ...others } = asked;
  const problems = versionFaults(asked, profile);
  const suites = readSuites(ciphers ?? [], problems);
  if (problems.length > 0) return problems;
  return suites.length === 0 ? others : { ...others, ciphers: suites };
}

/** As OpenSSL names them, each once. */
export function readSuites(names: readonly string[], problems: Problem[]): string[] {
  const suites = names.map((name, at) => {
    const suite = suiteOf(name);
    if (suite === undefined) {
      const message = `${name} is no cipher suite that OpenSSL has here: write ECDHE-RSA-AES128-GCM-SHA256 or TLS_AES_128_GCM_SHA256`;
      problems.push(invalid(`spec.tls.ciphers[${at}]`, message));
    }
    return suite ?? name;
  });
  return [...new Set(suites)];
}

function versionFaults({ minVersion, maxVersion }: Asked, profile: TlsProfile): Problem[] {
  const least = LEAST[profile];
  if (minVersion !== undefined && minVersion < least) {
    const fitting = minVersion < '1.2' ? 'Old' : 'Intermediate';
    const message = `the profile ${profile} has no suites for TLS ${minVersion}: set tlsProfile: ${fitting}`;
    return [invalid('spec.tls.minVersion', message)];
  }
  const first = minVersion ?? least;
  if (maxVersion !== undefined && maxVersion < first) {
    return [invalid('spec.tls.maxVersion', `TLS ${maxVersion} is below ${first}, the first that is spoken`)];
  }
  return [];
}

function invalid(field: string, message: string): Problem {
  return problem(POLICY_REASON.Invalid, field, message);
}

/** As OpenSSL names it, of a name of OpenSSL's or of IANA's registry; undefined: there is none. */
function suiteOf(name: string): string | undefined {
  const upper = name.toUpperCase();
  return [upper, fromRegistry(upper)].find((one) => KNOWN.has(one));
}

/** `TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256` is `ECDHE-RSA-AES128-SHA256`: what is usual is left out. */
function fromRegistry(name: string): string {
  const [exchange = '', cipher = ''] = name.slice('TLS_'.length).split('_WITH_');
  const short = cipher
    .replace(/^AES_(128|256)_/, 'AES$1_')
    .replace('_CBC_', '_')
    .replace('CHACHA20_POLY1305_SHA256', 'CHACHA20_POLY1305');
  return [...(exchange === 'RSA' ? [] : [exchange]), short].join('_').replaceAll('_', '-');
}
