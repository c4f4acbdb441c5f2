/** Texts of plugins that become parts of lines: what no policy could hold is told where it stands, and refuses. */
import type { Fields } from '../fields.ts';

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
/** Places of a credential that one method looks at. */
const MOST_PLACES = 8;

/** Of headers, and of what stands in their place elsewhere. */
export function checkNames(config: Fields, field: string, names: readonly string[]): void {
  const strange = names.filter((name) => !TOKEN.test(name));
  if (strange.length > 0)
    config.refuse(field, `${JSON.stringify(strange)} are no names: write letters, digits and "-"`);
}

export function checkPlaces(config: Fields, field: string, places: readonly unknown[]): void {
  if (places.length > MOST_PLACES) config.refuse(field, `names more than ${MOST_PLACES} places in all: write fewer`);
}

/** As it stands in a challenge, between quotes. */
export function realmIn(config: Fields, ours: string): string | undefined {
  const realm = config.text('realm', { ours });
  if (realm !== undefined && !/^[ !#-[\]-~]{0,128}$/.test(realm)) {
    config.refuse(
      'realm',
      'stands between quotes: write at most 128 printable characters without quotes and backslashes',
    );
  }
  return realm;
}
