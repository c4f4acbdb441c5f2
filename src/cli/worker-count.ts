import { availableParallelism } from 'node:os';

/** More would only wait for each other. */
const MOST = 256;

/** `--workers N|auto`: auto is one a core. */
export function workerCount(text: string): number {
  if (text === 'auto') return availableParallelism();
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > MOST) throw new Error(`"${text}" is not 1 to ${MOST}, or auto`);
  return count;
}
