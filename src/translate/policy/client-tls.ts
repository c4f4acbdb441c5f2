/** What a ClientTrafficPolicy says of TLS, as OpenSSL takes it: names are checked, and versions against the profile. */
import { createSecureContext, getCiphers } from 'node:tls';
import { type ClientTrafficPolicy, POLICY_REASON } from '../../api/index.ts';
import type { ClientTls, TlsProfile, TlsVersion } from '../../config/index.ts';
import { type Problem, problem } from '../verdict/problem.ts';

type Asked = NonNullable<ClientTrafficPolicy['spec']['tls']>;

const LEAST: Readonly<Record<TlsProfile, TlsVersion>> = { Modern: '1.3', Intermediate: '1.2', Old: '1.0' };
const KNOWN: ReadonlySet<string> = new Set(getCiphers().map((name) => name.toUpperCase().replaceAll('_', '-')));

/** The settings, or what is wrong with them. */
export function readTls(asked: Asked, profile: TlsProfile = 'Intermediate'): ClientTls | Problem[] {
  const { ciphers, ...others } = asked;
  const problems = [...versionFaults(asked, profile), ...curveFaults(asked)];
  const suites = (ciphers ?? []).map((name, at) => {
    const suite = suiteOf(name);
    if (suite === undefined) {
      const message = `${name} is no cipher suite that OpenSSL has here: write ECDHE-RSA-AES128-GCM-SHA256 or TLS_AES_128_GCM_SHA256`;
      problems.push(invalid(`spec.tls.ciphers[${at}]`, message));
    }
    return suite ?? name;
  });
  if (problems.length > 0) return problems;
  return suites.length === 0 ? others : { ...others, ciphers: [...new Set(suites)] };
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

function curveFaults({ curves = [] }: Asked): Problem[] {
  return curves.flatMap((curve, at) =>
    hasCurve(curve) ? [] : [invalid(`spec.tls.curves[${at}]`, `OpenSSL has no curve ${curve} here: leave it out`)],
  );
}

const curvesHere = new Map<string, boolean>();

function hasCurve(ecdhCurve: string): boolean {
  let here = curvesHere.get(ecdhCurve);
  if (here === undefined) {
    try {
      createSecureContext({ ecdhCurve });
      here = true;
    } catch {
      here = false;
    }
    curvesHere.set(ecdhCurve, here);
  }
  return here;
}

function invalid(field: string, message: string): Problem {
  return problem(POLICY_REASON.Invalid, field, message);
}

/** As OpenSSL names it, of a name of OpenSSL's or of IANA's registry; undefined: there is none. */
function suiteOf(name: string): string | undefined {
  const upper = name.toUpperCase();
  if (/^TLS_(AES|CHACHA20)_/.test(upper)) return KNOWN.has(upper.replaceAll('_', '-')) ? upper : undefined;
  const own = upper.startsWith('TLS_') ? fromRegistry(upper) : upper;
  return KNOWN.has(own) && !own.startsWith('TLS-') ? own : undefined;
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
