/** kubectl, against the cluster of KUBECONFIG. */
import { execFile } from 'node:child_process';

export interface KubectlOptions {
  input?: string;
  /** Milliseconds. */
  timeout?: number;
  env?: NodeJS.ProcessEnv;
}

const TIMEOUT = 60_000;
const MAX_OUTPUT: number = 64 * 1024 * 1024;

/** What it printed; rejects, with what it said, where it does not end well. */
export function kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
  const { input, timeout = TIMEOUT, env = process.env } = options;
  return new Promise((resolve, reject) => {
    const child = execFile('kubectl', args, { timeout, maxBuffer: MAX_OUTPUT, env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`kubectl ${args.join(' ')}: ${stderr.trim() || error.message}`));
    });
    child.stdin!.on('error', () => {});
    child.stdin!.end(input);
  });
}

export async function output(args: readonly string[]): Promise<string> {
  return (await kubectl(args)).trim();
}
