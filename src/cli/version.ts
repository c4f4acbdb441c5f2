import { packageText } from './package-place.ts';

/** Of the package. */
export function packageVersion(): string {
  return (JSON.parse(packageText('package.json')) as { version: string }).version;
}
