/**
 * Origins that a CORS filter allows: `*`, `scheme://host[:port]`, or a host that starts with a wildcard, which stands
 * for any number of labels. Compared as parsed parts, never by looking for a substring.
 */
import { DaemunError } from '../../observe/index.ts';

interface OriginParts {
  scheme: string;
  host: string;
  port: number;
}

const ORIGIN = /^(https?):\/\/((?:\*\.)?[a-z0-9_.-]+|\*|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/;

/** What a client may call its origin, of schemes that no filter names too; all that is ever echoed to it. */
const ANY_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9_.:[\]-]+$/i;

export class AllowedOrigins {
  /** `*` is among them: any origin, even `null`, as long as it has the form of one. */
  readonly any: boolean;
  readonly #exact = new Set<string>();
  readonly #wildcards: OriginParts[] = [];

  /** Throws DMN_CONFIG_INVALID for what is no origin. */
  constructor(origins: ReadonlyArray<string>) {
    this.any = origins.includes('*');
    for (const origin of origins) {
      if (origin === '*') continue;
      const parts = parseOrigin(origin);
      if (parts === undefined) {
        throw new DaemunError(
          'DMN_CONFIG_INVALID',
          `allowOrigins: "${origin}" is neither "*" nor scheme://host[:port]`,
        );
      }
      if (parts.host.startsWith('*')) this.#wildcards.push({ ...parts, host: parts.host.slice(1) });
      else this.#exact.add(canonical(parts));
    }
  }

  allow(origin: string): boolean {
    if (this.any) return origin === 'null' || ANY_ORIGIN.test(origin);
    const parts = parseOrigin(origin);
    if (parts === undefined || parts.host.includes('*')) return false;
    return (
      this.#exact.has(canonical(parts)) ||
      this.#wildcards.some(
        ({ scheme, host, port }) =>
          scheme === parts.scheme &&
          port === parts.port &&
          parts.host.length > host.length &&
          parts.host.endsWith(host),
      )
    );
  }
}

/** Spec: a missing port is the scheme's own. */
function parseOrigin(origin: string): OriginParts | undefined {
  const found = ORIGIN.exec(origin.toLowerCase());
  if (found === null) return undefined;
  const [, scheme, host, port] = found;
  return { scheme: scheme!, host: host!, port: port === undefined ? (scheme === 'https' ? 443 : 80) : Number(port) };
}

function canonical({ scheme, host, port }: OriginParts): string {
  return `${scheme}://${host}:${port}`;
}
