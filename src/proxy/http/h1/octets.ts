/** Octets of HTTP/1.1's grammar, and for each scan a table of the octets that it runs over. */
export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const QUOTE = 0x22;
export const HASH = 0x23;
export const PERCENT = 0x25;
export const STAR = 0x2a;
export const COMMA = 0x2c;
export const DOT = 0x2e;
export const SLASH = 0x2f;
export const ZERO = 0x30;
export const NINE = 0x39;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const QUESTION = 0x3f;
export const BRACKET = 0x5b;
export const BACKSLASH = 0x5c;
export const BRACKET_END = 0x5d;

/** Start and prime of 32-bit FNV-1a; head.ts's `nameHash` is the same over a string. */
export const FNV_START = 0x811c9dc5 | 0;
export const FNV_PRIME = 0x01000193;

const TOKEN_MARKS = "!#$%&'*+-.^_`|~";

function tableOf(value: (octet: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => value(octet));
}

function isTokenOctet(octet: number): boolean {
  const character = String.fromCharCode(octet);
  return /[0-9A-Za-z]/.test(character) || TOKEN_MARKS.includes(character);
}

/** 1 for the octets of a token. */
export const TOKEN: Uint8Array = tableOf((octet) => (isTokenOctet(octet) ? 1 : 0));

/** The lower-case form of a token's octet; 0 for all others. */
export const LOWER_TOKEN: Uint8Array = tableOf((octet) => {
  if (!isTokenOctet(octet)) return 0;
  return octet >= 65 && octet <= 90 ? octet | 32 : octet;
});

/** As LOWER_TOKEN, but 0 for all marks but '-': names with them are looked at again, see fields.ts. */
export const LOWER_NAME: Uint8Array = tableOf((octet) =>
  /[0-9A-Za-z-]/.test(String.fromCharCode(octet)) ? LOWER_TOKEN[octet]! : 0,
);

/** 1 for the octets of a field's value: visible ASCII, space, tab and obs-text. */
export const VALUE: Uint8Array = tableOf((octet) => (octet === HTAB || (octet >= SP && octet !== 0x7f) ? 1 : 0));

/** 1 for the octets of a path that need no second look. */
export const PATH: Uint8Array = tableOf((octet) =>
  octet > SP && octet < 0x7f && ![SLASH, PERCENT, QUESTION, HASH, BACKSLASH].includes(octet) ? 1 : 0,
);

/** 1 for the octets of a query: visible ASCII without '#'. */
export const QUERY: Uint8Array = tableOf((octet) => (octet > SP && octet < 0x7f && octet !== HASH ? 1 : 0));

/** The lower-case form of a host name's octet: letters, digits, '-', '.' and '_'; 0 for all others. */
export const LOWER_HOST: Uint8Array = tableOf((octet) =>
  /[0-9A-Za-z._-]/.test(String.fromCharCode(octet)) ? LOWER_TOKEN[octet]! : 0,
);

export const NOT_HEX = 255;

/** The value of a hexadecimal digit, or NOT_HEX. */
export const HEX: Uint8Array = tableOf((octet) => {
  const character = String.fromCharCode(octet);
  return /[0-9A-Fa-f]/.test(character) ? Number.parseInt(character, 16) : NOT_HEX;
});
