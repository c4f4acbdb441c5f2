/** Whether the Gateway API's CRDs of a cluster are of releases that are known here. */
import { BUNDLE_VERSION_ANNOTATION, CONDITION, GATEWAY_CLASS_REASON, type InstalledCrd } from '../../api/index.ts';
import { fails, holds, type Verdict } from '../verdict/conditions.ts';

/** Releases of the Gateway API that are known, oldest first. */
export const SUPPORTED_RELEASES = ['v1.1', 'v1.2', 'v1.3', 'v1.4', 'v1.5', 'v1.6', 'v1.7'];
/** CRDs that a message names, and of fields and of values each. */
const NAMED_CRDS = 3;
const NAMED_FIELDS = 4;

/** Undefined where no CRDs are known: without a cluster, or where they may not be read. */
export function supportedVersion(installed: ReadonlyArray<InstalledCrd>): Verdict | undefined {
  if (installed.length === 0) return undefined;
  const unknown = installed.filter(({ version = '' }) => !SUPPORTED_RELEASES.includes(releaseOf(version)));
  if (unknown.length > 0) {
    return fails(CONDITION.SupportedVersion, GATEWAY_CLASS_REASON.UnsupportedVersion, unsupported(unknown));
  }
  const found = distinct(installed.map(({ version = '', channel }) => (channel ? `${version} (${channel})` : version)));
  const message = `CRDs of Gateway API ${found.join(', ')}${lacking(installed)}`;
  return holds(CONDITION.SupportedVersion, GATEWAY_CLASS_REASON.SupportedVersion, message);
}

/** What users may write and an API server of an old release drops or refuses: the same manifest works elsewhere. */
function lacking(installed: ReadonlyArray<InstalledCrd>): string {
  const fields = installed.flatMap(({ lacks = [] }) => lacks);
  const values = installed.flatMap(({ refuses = [] }) => refuses);
  return said('they do not keep', fields) + said('they refuse', values);
}

function said(what: string, all: string[]): string {
  const more = all.length > NAMED_FIELDS ? ` and ${all.length - NAMED_FIELDS} more` : '';
  return all.length === 0 ? '' : `; ${what} ${all.sort().slice(0, NAMED_FIELDS).join(', ')}${more}`;
}

/** `v1.6` of `v1.6.3` and `v1.6.0-rc.1`; '' of what is no version. */
function releaseOf(version: string): string {
  return /^(v\d+\.\d+)\.\d+(?:-[\w.-]+)?$/.exec(version)?.[1] ?? '';
}

/** With what is found and what is known, as the specification asks for. */
function unsupported(crds: ReadonlyArray<InstalledCrd>): string {
  const versions = distinct(crds.map(({ version }) => version ?? `without ${BUNDLE_VERSION_ANNOTATION}`));
  const names = crds.map(({ name }) => name.slice(0, name.indexOf('.'))).sort();
  const more = names.length > NAMED_CRDS ? ` and ${names.length - NAMED_CRDS} more` : '';
  const known = `${SUPPORTED_RELEASES[0]} to ${SUPPORTED_RELEASES.at(-1)}`;
  return (
    `CRDs of Gateway API ${versions.join(', ')} (${names.slice(0, NAMED_CRDS).join(', ')}${more}); known are ${known}: ` +
    'fields that are known go on working, others are not read; install CRDs of a release that is known'
  );
}

function distinct(texts: ReadonlyArray<string>): string[] {
  return [...new Set(texts)].sort();
}
