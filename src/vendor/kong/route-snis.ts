/** `konghq.com/snis`: names by which clients must have asked for the connection. */
import { SNIS } from './annotation.ts';

export interface AskedSnis {
  snis: string[];
  /** They narrow whom the route lets in: what cannot be read must not open it. */
  broken: string[];
}

const NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
/** The API's limit on hostnames of a route. */
const MOST_NAMES = 16;

export function askedSnis(annotations: Readonly<Record<string, string>>): AskedSnis {
  const names = (annotations[SNIS] ?? '').split(',').map((one) => one.trim().toLowerCase().replace(/\.$/, ''));
  const snis = [...new Set(names.filter((one) => one !== ''))];
  const strange = snis.filter((one) => !NAME.test(one));
  if (strange.length > 0) return refused(`${strange.join(', ')} is no host name: write names such as shop.example`);
  if (snis.length > MOST_NAMES)
    return refused(`has more than ${MOST_NAMES} names, which one route takes: write several routes`);
  return { snis, broken: [] };
}

function refused(why: string): AskedSnis {
  return { snis: [], broken: [`${SNIS}: ${why}`] };
}

/** Of a route's hostnames what is left; none: nothing that both let in. */
export function commonHostnames(hostnames: readonly string[] = [], snis: readonly string[]): string[] {
  if (snis.length === 0) return [...hostnames];
  if (hostnames.length === 0) return [...snis];
  return snis.filter((name) =>
    hostnames.some((one) => one === name || (one.startsWith('*.') && name.endsWith(one.slice(1)))),
  );
}
