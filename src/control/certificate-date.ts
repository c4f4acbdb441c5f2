/** Certificates that have expired, or soon will: translation has no clock. */
import { X509Certificate } from 'node:crypto';
import type { ConfigObject, Credential } from '../config/index.ts';
import type { Diagnostic as Finding } from '../translate/index.ts';
import { readRevocationLists } from '../value/revocation-list.ts';

/** Days before its end from which a certificate is told of. */
export const EXPIRY_WARNING_DAYS = 30;
/** In milliseconds. */
const DAY_MS = 24 * 60 * 60 * 1000;

interface Life {
  from: Date;
  to: Date;
}

/** Reads each certificate once. */
export class CertificateDates {
  #known = new Map<string, Life>();

  findings(config: Iterable<ConfigObject>, now: Date): Finding[] {
    const found: Finding[] = [];
    const known = new Map<string, Life>();
    for (const object of config) {
      // What no Secret holds is watched by whoever provides it.
      if (object.kind === 'Credential') found.push(...this.#revocations(object, known, now));
      if (object.kind !== 'Certificate' || object.key.includes(':')) continue;
      const life = this.#known.get(object.certificate) ?? lifeOf(object.certificate);
      if (life === undefined) continue;
      known.set(object.certificate, life);
      const message = said(life, now);
      if (message === undefined) continue;
      found.push({ severity: 'warning', object: `Secret/${object.key}`, field: 'data["tls.crt"]', message });
    }
    this.#known = known;
    return found;
  }

  /** Lists of revoked certificates: once one has ended, nobody is let in whose authority it is of. */
  #revocations({ key, content }: Credential, known: Map<string, Life>, now: Date): Finding[] {
    if (content.type !== 'Revoked') return [];
    const object = key.slice(0, key.lastIndexOf('/'));
    return content.lists.flatMap((list): Finding[] => {
      const life = this.#known.get(list) ?? listLife(list);
      if (life === undefined) return [];
      known.set(list, life);
      const left = life.to.getTime() - now.getTime();
      if (left > DAY_MS) return [];
      const when = left <= 0 ? 'ended' : 'ends';
      const message = `a list of revoked certificates ${when} on ${day(life.to)}: no client of its authority is let in from then on; renew it`;
      return [{ severity: 'warning', object, field: 'spec.clientCertificates', message }];
    });
  }
}

function lifeOf(pem: string): Life | undefined {
  try {
    const { validFromDate: from, validToDate: to } = new X509Certificate(pem);
    return { from, to };
  } catch {
    // It could be read a moment ago; what cannot be read is told of elsewhere.
    return undefined;
  }
}

/** Undefined: it does not end. */
function listLife(pem: string): Life | undefined {
  const lists = readRevocationLists(Buffer.from(pem, 'latin1'));
  const until = 'fault' in lists ? undefined : lists[0]?.until;
  return until && { from: new Date(0), to: until };
}

function said({ from, to }: Life, now: Date): string | undefined {
  if (to < now) return `the certificate expired on ${day(to)}: clients refuse it; renew it`;
  if (from > now) return `the certificate is not valid before ${day(from)}: clients refuse it until then`;
  if (to.getTime() - now.getTime() > EXPIRY_WARNING_DAYS * DAY_MS) return undefined;
  return `the certificate expires on ${day(to)}: renew it`;
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
