import { readFileSync } from 'node:fs';
import { packagePlace } from './package-place.ts';

/** Of the package. */
export function packageVersion(): string {
  const text = readFileSync(packagePlace('package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
