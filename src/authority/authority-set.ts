/**
 * The authorities that a controller is known by, as they are kept: which of them signs, whom data planes trust, and when
 * another is due. All of it follows from what is kept and the time, so that several controllers come to the same.
 */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { type Issued, issued } from '../value/certificate.ts';

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
/** Milliseconds that an authority is good for. */
export const AUTHORITY_LIFETIME = 730 * DAY;
/** Milliseconds before the end of the last authority at which another one is made. */
export const AUTHORITY_SUCCESSION = 180 * DAY;
/** Milliseconds from when an authority is made until it signs: by then every data plane trusts it. */
export const AUTHORITY_SPREAD = DAY;
/** Milliseconds of certificates before now: clocks differ. */
export const BACKDATED = HOUR;

export interface KeptAuthority extends Issued {
  /** When it was made, in milliseconds. */
  made: number;
}

export async function newAuthority(now: number): Promise<KeptAuthority> {
  // Each has a name of its own, so that who verifies never takes one for another.
  const name = `daemun authority ${randomBytes(6).toString('hex')}`;
  const times = { from: new Date(now - BACKDATED), until: new Date(now + AUTHORITY_LIFETIME) };
  return { made: now, ...(await issued({ name, dns: [], use: 'authority', ...times })) };
}

/** Those that have not ended, the oldest first. */
export function living(kept: ReadonlyArray<KeptAuthority>, now: number): KeptAuthority[] {
  return kept.filter((one) => endOf(one) > now).sort((a, b) => a.made - b.made);
}

/** The newest that everybody has had the time to hear of; the oldest where there is none. */
export function signing(kept: ReadonlyArray<KeptAuthority>, now: number): KeptAuthority | undefined {
  const all = living(kept, now);
  return all.findLast(({ made }) => made + AUTHORITY_SPREAD <= now) ?? all[0];
}

export function isDue(kept: ReadonlyArray<KeptAuthority>, now: number): boolean {
  const newest = living(kept, now).at(-1);
  return newest === undefined || endOf(newest) - now < AUTHORITY_SUCCESSION;
}

/** PEM of all that are to be trusted. */
export function bundleOf(kept: ReadonlyArray<KeptAuthority>, now: number): string {
  return living(kept, now)
    .map(({ certificate }) => certificate)
    .join('');
}

/** Throws where it is not what `written` gives. */
export function readAuthorities(text: string): KeptAuthority[] {
  const list = JSON.parse(text) as unknown;
  if (!Array.isArray(list)) throw new TypeError('is no list');
  return list.map((one: Partial<KeptAuthority> | null) => {
    const { made, certificate, privateKey } = one ?? {};
    if (typeof made !== 'number' || typeof certificate !== 'string' || typeof privateKey !== 'string') {
      throw new TypeError('holds something that is no authority');
    }
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))) {
      throw new TypeError('holds a key that does not fit its certificate');
    }
    return { made, certificate, privateKey };
  });
}

export function written(kept: ReadonlyArray<KeptAuthority>): string {
  return JSON.stringify(kept);
}

function endOf({ certificate }: KeptAuthority): number {
  return new X509Certificate(certificate).validToDate.getTime();
}
