/** Looks for installed programs and their versions. */
import { execFile } from 'node:child_process';
import type { Found } from './peer.ts';

/**
 * The first of `commands` that runs and prints a version.
 *
 * @param version its first group, or else all it matches, is the version
 */
export async function findProgram(commands: string[][], version: RegExp): Promise<Found | undefined> {
  for (const command of commands) {
    const text = await output(command);
    const match = text === undefined ? null : version.exec(text);
    if (match !== null) return { path: command[0]!, version: match[1] ?? match[0] };
  }
  return undefined;
}

function output(command: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command[0]!, command.slice(1), { timeout: 10_000 }, (error, stdout, stderr) => {
      resolve(error === null ? stdout + stderr : undefined);
    });
  });
}
