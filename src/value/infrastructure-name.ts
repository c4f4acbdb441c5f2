import { createHash } from 'node:crypto';

/** Of names of Services and of values of labels. */
const LONGEST = 63;
const DIGEST_LENGTH = 10;
const PREFIX = 'daemun-';
const LABEL_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/**
 * What the objects made for a Gateway are called, all of them in its namespace: its Deployment, Service, service
 * account and the rest. A Gateway's name may have dots and 253 characters, that of a Service neither; then a digest of
 * the whole name keeps it apart from others.
 */
export function infrastructureName(gateway: string): string {
  const name = `${PREFIX}${gateway}`;
  return name.length <= LONGEST && LABEL_NAME.test(name) ? name : digested(name.replaceAll('.', '-'), gateway);
}

/** Of what is made for one of several addresses that a Gateway asks for. */
export function furtherName(gateway: string, address: string): string {
  return digested(infrastructureName(gateway), `${gateway} ${address}`);
}

/** The value of a label that stands for a name: the name, or where it is too long for a value, its start and a digest. */
export function nameLabelValue(name: string): string {
  return name.length <= LONGEST ? name : digested(name, name);
}

function digested(text: string, of: string): string {
  const digest = createHash('sha256').update(of).digest('hex').slice(0, DIGEST_LENGTH);
  return `${text.slice(0, LONGEST - DIGEST_LENGTH - 1).replace(/[^a-z0-9]+$/, '')}-${digest}`;
}
