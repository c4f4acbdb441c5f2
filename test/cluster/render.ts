/** The chart as manifests. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CHART = fileURLToPath(new URL('../../charts/daemun', import.meta.url));
const PLAIN = new URL('../../charts/install.yaml', import.meta.url);
const MAX_OUTPUT: number = 64 * 1024 * 1024;

/** Of the plain manifests: the release `daemun` in a namespace that comes with it. */
export const RELEASE: readonly string[] = ['daemun', CHART, '-n', 'daemun-system', '--set', 'namespace.create=true'];
/** A Helm that was built with `go install` takes the cluster for an old one where it asks none. */
export const ANY_CLUSTER: readonly string[] = ['--kube-version', '1.36.0'];

export async function rendered(flags: readonly string[]): Promise<string> {
  if (flags.length === 0) return readFileSync(PLAIN, 'utf8');
  const args = ['template', ...RELEASE, ...ANY_CLUSTER, ...flags];
  const { stdout } = await promisify(execFile)(process.env.HELM || 'helm', args, { maxBuffer: MAX_OUTPUT });
  return stdout;
}
