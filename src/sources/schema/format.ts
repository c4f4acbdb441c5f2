import { milliseconds } from '../../value/duration.ts';
import { isCidr } from '../../value/network.ts';
import { type Format, text } from './schema.ts';

/** The forms of strings that the Gateway API and Kubernetes' core ask for. */
function format(is: string, pattern: RegExp): Format {
  return { is, matches: (value) => pattern.test(value), openApi: { pattern: pattern.source.replaceAll('\\/', '/') } };
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;

const dnsLabel = format(
  'lower-case letters, digits and "-", with a letter or digit at both ends',
  new RegExp(`^${LABEL}$`),
);
const dnsSubdomain = format(
  'a DNS name (lower-case letters, digits, "-" and ".", with a letter or digit at both ends)',
  new RegExp(`^${SUBDOMAIN}$`),
);

export function isSubdomain(value: string): boolean {
  return value.length <= 253 && dnsSubdomain.matches(value);
}

/** An address and the bits of it that count, such as 10.0.0.0/8; bits beyond them may be set, and do not count. */
export const cidr = text({
  format: {
    is: 'a network such as 10.0.0.0/8 or 2001:db8::/32 (one address: with /32 or /128)',
    matches: isCidr,
    openApi: { format: 'cidr' },
  },
});

export const cipherSuite = text({
  min: 1,
  max: 64,
  format: format('a cipher suite such as ECDHE-RSA-AES128-GCM-SHA256', /^[A-Za-z0-9_-]+$/),
});

/** In TLS a name may be any bytes; those of the registry are ASCII. */
export const alpnName = text({
  min: 1,
  max: 255,
  format: format('the name of a protocol as in the registry of ALPN, such as postgresql', /^[!-~]+$/),
});

/** A value of Link (RFC 8288). */
export const linkValue = text({
  min: 3,
  max: 1024,
  format: format('a link such as "</style.css>; rel=preload; as=style"', /^<[!-=?-~]+>( *; *[ -~]*[!-~])?$/),
});

export const label = text({ min: 1, max: 63, format: dnsLabel });
export const subdomain = text({ min: 1, max: 253, format: dnsSubdomain });
export const namespaceName = label;
/** The name in a reference: whether such an object exists says more than its form. */
export const objectName = text({ min: 1, max: 253 });
export const sectionName = subdomain;

const host = new RegExp(`^(\\*\\.)?${SUBDOMAIN}$`);
const preciseHost = new RegExp(`^${SUBDOMAIN}$`);

export const hostname = text({
  min: 1,
  max: 253,
  format: {
    ...format('a host name in lower case, or one that starts with "*."', host),
    advice: (value) => hostAdvice(value, host),
  },
});
export const preciseHostname = text({
  min: 1,
  max: 253,
  format: {
    ...format('a host name in lower case, without "*"', preciseHost),
    advice: (value) => hostAdvice(value, preciseHost),
  },
});

/** People paste URLs, hosts with ports, and quotes that a word processor has bent. */
function hostAdvice(value: string, pattern: RegExp): string | undefined {
  const [, scheme, name = '', port, path] =
    /^([a-z][a-z0-9+.-]*:\/\/)?([^/:]*?)(:\d+)?(\/.*)?$/i.exec(value.replace(/[“”„‘’"'\s]/g, '')) ?? [];
  const meant = name.replace(/\.$/, '').toLowerCase();
  if (!pattern.test(meant)) return undefined;
  const extra = [scheme && 'scheme', port && 'port', path && 'path'].filter(Boolean).join(' and ');
  return `Write ${meant}${extra === '' ? '' : `: ${extra} ${extra.includes(' ') ? 'are' : 'is'} not part of it`}`;
}

export const group = text({
  max: 253,
  format: format('an API group such as gateway.networking.k8s.io, or "" for the core', new RegExp(`^$|^${SUBDOMAIN}$`)),
});
export const kindName = text({
  min: 1,
  max: 63,
  format: format('a kind such as Service', /^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/),
});

const PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
export const controllerName = text({
  min: 1,
  max: 253,
  format: format('a domain and a path, such as example.com/gateway-controller', new RegExp(`^${SUBDOMAIN}/${PATH}$`)),
});
/** Looser than it means to be: the API's pattern anchors only its first and last alternative, and so do we. */
export const addressType = text({
  min: 1,
  max: 253,
  format: format(
    'IPAddress, Hostname, NamedAddress or a domain and a path',
    new RegExp(`^Hostname|IPAddress|NamedAddress|${SUBDOMAIN}/${PATH}$`),
  ),
});
/** From where an address is reached, by a name of an implementation's or a cluster's own. */
export const routabilityName = text({
  min: 3,
  max: 253,
  format: format('a domain and a path, such as example.com/Corp', new RegExp(`^${SUBDOMAIN}/.+$`)),
});
export const protocol = text({
  min: 1,
  max: 255,
  format: format(
    'HTTP, HTTPS, TLS, TCP, UDP or a domain and a name such as example.com/bar',
    new RegExp(`^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|${SUBDOMAIN}/[A-Za-z0-9]+$`),
  ),
});

export const headerName = text({
  min: 1,
  max: 256,
  format: format("a header name: letters, digits and !#$%&'*+-.^_`|~", /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/),
});
export const mediaType = text({
  min: 1,
  max: 128,
  format: {
    is: 'a media type such as text/html; charset=utf-8',
    matches: (value) => /^[a-z]+\/[\x20-\x7e]+$/i.test(value),
    openApi: { pattern: '^[A-Za-z]+/[ -~]+$' },
  },
});
export const absoluteUri = text({
  min: 1,
  max: 253,
  format: format(
    'a URI with scheme and authority, such as spiffe://example.com/app',
    /^[^:/?#]+:\/\/[^/?#]*[^?#]*(\?[^#]*)?(#.*)?/,
  ),
});
export const corsOrigin = text({
  min: 1,
  max: 253,
  format: format(
    '"*" or an origin such as https://example.com, https://*.example.com or http://example.com:8080',
    /^\*$|^https?:\/\/(((\*\.)?([a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(:([0-9]{1,5}))?)$/,
  ),
});
export const duration = text({
  format: {
    is: 'a duration such as 10s, 500ms or 1h30m (up to four parts, each a whole number of h, m, s or ms; half a second is 500ms, a day 24h)',
    matches: (value) => milliseconds(value) !== undefined,
    openApi: { pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' },
  },
});
export const wellKnownCas = text({
  min: 1,
  max: 253,
  format: format(
    "System, or an implementation's domain/name",
    new RegExp(`^(System|(${SUBDOMAIN}/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]))$`),
  ),
});

/** A label or annotation key: an optional DNS prefix, then a name of up to 63 characters. */
const QUALIFIED = new RegExp(`^(${SUBDOMAIN}/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$`);
export function isQualifiedName(key: string): boolean {
  return QUALIFIED.test(key);
}
export const labelValue = text({
  max: 63,
  format: format(
    'empty, or letters, digits, "-", "_" and ".", with a letter or digit at both ends',
    /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/,
  ),
});
export const annotationValue = text({ max: 4096 });
export const base64 = text({
  format: {
    is: 'base64 (plain text goes under stringData or, in a ConfigMap, under data)',
    matches: isBase64,
  },
});

/** Standard alphabet with padding; line breaks are allowed, as YAML block scalars bring them. */
function isBase64(value: string): boolean {
  const bare = value.replaceAll(/[\r\n]/g, '');
  return bare.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(bare);
}
