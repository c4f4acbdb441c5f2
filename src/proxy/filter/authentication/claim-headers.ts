/** Lines for the backend that say who asks. */
import { type ClaimHeader, headerFault } from '../../../config/index.ts';
import { HeaderPatch } from '../header-patch.ts';
import { claimValues, type Identity } from '../identity.ts';

/** Most bytes of one line's value: what is longer is left out, and not cut. */
export const MAX_CLAIM_BYTES: number = 8 * 1024;

export class ClaimHeaders {
  /** Takes away what clients write into these lines. */
  readonly forged: HeaderPatch;
  readonly #headers: readonly ClaimHeader[];
  /** By identity: one that is known by heart has its lines, too. */
  readonly #lines = new WeakMap<Identity, HeaderPatch>();

  /** Throws DMN_CONFIG_INVALID for names that the proxy alone may write. */
  constructor(headers: readonly ClaimHeader[]) {
    this.#headers = headers;
    this.forged = HeaderPatch.of({ set: [], add: [], remove: headers.map(({ name }) => name) });
  }

  of(identity: Identity): HeaderPatch | null {
    if (this.#headers.length === 0) return null;
    let lines = this.#lines.get(identity);
    if (lines === undefined) this.#lines.set(identity, (lines = this.#made(identity)));
    return lines;
  }

  #made({ claims }: Identity): HeaderPatch {
    const add = this.#headers.flatMap(({ name, claim, values }) => {
      const said = claimValues(claims, claim);
      const value = (values === undefined ? said : said.flatMap((one) => standingFor(one, values))).join(',');
      const sound = value !== '' && headerFault(name, value) === undefined && value.trim() === value;
      return sound && Buffer.byteLength(value) <= MAX_CLAIM_BYTES ? [{ name, value }] : [];
    });
    return HeaderPatch.of({ set: [], add, remove: [] });
  }
}

function standingFor(value: string, values: Readonly<Record<string, string>>): string[] {
  return Object.hasOwn(values, value) ? [values[value]!] : [];
}
