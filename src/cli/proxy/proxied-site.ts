/** `daemun proxy HOST[/PATH]=TARGET[,TARGET]`: one host, or a part of it, and where its requests go. */

export interface ProxiedSite {
  /** As given. */
  text: string;
  /** Lower case; `*.example.com` for a wildcard; absent: any host. */
  host?: string;
  /** Prefix, `/` for all. */
  path: string;
  /** `host:port` each, as --endpoint has them. */
  targets: string;
}

const HOST = /^(?:\*\.)?[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/** Throws an Error that shows the form. Whether targets can be read is told by the reader of endpoints. */
export function parseSite(text: string): ProxiedSite {
  const fail = (why: string): Error =>
    new Error(`"${text}": ${why}; write shop.example.com=127.0.0.1:3000, or 127.0.0.1:3000 for every host`);
  const equals = text.indexOf('=');
  const from = equals < 0 ? '' : text.slice(0, equals);
  const slash = from.indexOf('/');
  const host = (slash < 0 ? from : from.slice(0, slash)).toLowerCase();
  const path = slash < 0 ? '/' : from.slice(slash);
  if (equals >= 0 && from === '') throw fail('the host is missing');
  if (host !== '' && !HOST.test(host)) throw fail(`"${host}" is not a host`);
  if (!/^[!-~]+$/.test(path) || /[?#]/.test(path)) throw fail(`"${path}" is not a path`);
  const given = text.slice(equals + 1).split(',');
  if (given.includes('')) throw fail('a target is missing');
  // A port alone is one of this machine.
  const targets = given.map((target) => (/^:?\d+$/.test(target) ? `127.0.0.1:${target.replace(':', '')}` : target));
  return { text, ...(host === '' ? {} : { host }), path, targets: targets.join(',') };
}
