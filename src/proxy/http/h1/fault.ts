/**
 * What a parser says is wrong with a message. Parsers return these numbers, all below zero, so that nothing is
 * thrown or allocated for a bad message.
 */

/** More bytes are needed. */
export const INCOMPLETE = 0;

export const BARE_LF = -1;
export const BARE_CR = -2;
export const BAD_METHOD = -3;
export const CONNECT_UNSUPPORTED = -4;
export const BAD_TARGET = -5;
export const TARGET_FRAGMENT = -6;
export const TARGET_BACKSLASH = -7;
export const TARGET_ESCAPE = -8;
export const TARGET_NUL = -9;
export const TARGET_DOTS = -10;
export const TARGET_FORM = -11;
export const TARGET_SCHEME = -12;
export const TARGET_ASTERISK = -13;
export const NO_VERSION = -14;
export const BAD_VERSION = -15;
export const VERSION_UNSUPPORTED = -16;
export const LINE_TOO_LONG = -17;
export const HEAD_TOO_LARGE = -18;
export const TOO_MANY_FIELDS = -19;
export const FIELD_FOLDED = -20;
export const FIELD_NAME_EMPTY = -21;
export const FIELD_NAME_INVALID = -22;
export const FIELD_NAME_SPACE = -23;
export const FIELD_NAME_IMITATES = -24;
export const FIELD_VALUE_INVALID = -25;
export const LENGTH_REPEATED = -26;
export const LENGTH_INVALID = -27;
export const LENGTH_AND_CODING = -28;
export const CODING_REPEATED = -29;
export const CODING_INVALID = -30;
export const CODING_UNSUPPORTED = -31;
export const CODING_VERSION = -32;
export const HOST_MISSING = -33;
export const HOST_REPEATED = -34;
export const HOST_INVALID = -35;
export const HOST_MISMATCH = -36;
export const CONNECTION_INVALID = -37;
export const CONNECTION_END_TO_END = -38;
export const EXPECTATION_UNKNOWN = -39;
export const BAD_STATUS_LINE = -40;
export const CHUNK_SIZE_INVALID = -41;
export const CHUNK_SIZE_TOO_LARGE = -42;
export const CHUNK_EXTENSION_INVALID = -43;
export const CHUNK_EXTENSION_TOO_LONG = -44;
export const CHUNK_END_MISSING = -45;
export const TRAILERS_TOO_LARGE = -46;
export const TRAILER_FORBIDDEN = -47;

export interface RequestError {
  readonly status: 400 | 414 | 417 | 431 | 501 | 505;
  readonly message: string;
}

const FAULTS: ReadonlyMap<number, RequestError> = new Map<number, RequestError>([
  [BARE_LF, { status: 400, message: 'A line ends with LF alone; lines end with CRLF.' }],
  [BARE_CR, { status: 400, message: 'A CR is not followed by LF.' }],
  [BAD_METHOD, { status: 400, message: 'The method is not a token followed by one space.' }],
  [CONNECT_UNSUPPORTED, { status: 501, message: 'CONNECT is not supported.' }],
  [BAD_TARGET, { status: 400, message: 'The request target holds a control, space or non-ASCII character.' }],
  [TARGET_FRAGMENT, { status: 400, message: "The request target holds a '#'." }],
  [TARGET_BACKSLASH, { status: 400, message: "The path holds a backslash; write '/' or %5C." }],
  [TARGET_ESCAPE, { status: 400, message: "The path holds a '%' without two hexadecimal digits after it." }],
  [TARGET_NUL, { status: 400, message: 'The path holds %00.' }],
  [TARGET_DOTS, { status: 400, message: "The path holds a '.' or '..' segment; send the path without it." }],
  [TARGET_FORM, { status: 400, message: "The request target is neither a path that starts with '/' nor a http URL." }],
  [TARGET_SCHEME, { status: 400, message: 'The request target is a URL of another scheme than http or https.' }],
  [TARGET_ASTERISK, { status: 400, message: "The request target '*' is for OPTIONS only, and alone." }],
  [NO_VERSION, { status: 400, message: 'The request line has no HTTP version.' }],
  [BAD_VERSION, { status: 400, message: 'The request line does not end with HTTP/1.1 or HTTP/1.0.' }],
  [VERSION_UNSUPPORTED, { status: 505, message: 'The HTTP version is not 1.1 or 1.0.' }],
  [LINE_TOO_LONG, { status: 414, message: 'The request line is too long.' }],
  [HEAD_TOO_LARGE, { status: 431, message: 'The head of the message is too large.' }],
  [TOO_MANY_FIELDS, { status: 431, message: 'The message has too many header fields.' }],
  [FIELD_FOLDED, { status: 400, message: 'A header line starts with white space (line folding).' }],
  [FIELD_NAME_EMPTY, { status: 400, message: 'A header field has an empty name.' }],
  [FIELD_NAME_INVALID, { status: 400, message: 'A header name is not a token followed by a colon.' }],
  [FIELD_NAME_SPACE, { status: 400, message: 'White space stands between a header name and its colon.' }],
  [
    FIELD_NAME_IMITATES,
    { status: 400, message: "A header name imitates a field that the proxy relies on, with another mark for '-'." },
  ],
  [FIELD_VALUE_INVALID, { status: 400, message: 'A header value holds a control character.' }],
  [LENGTH_REPEATED, { status: 400, message: 'Content-Length is given more than once.' }],
  [LENGTH_INVALID, { status: 400, message: 'Content-Length is not a plain decimal number.' }],
  [LENGTH_AND_CODING, { status: 400, message: 'Both Content-Length and Transfer-Encoding are given.' }],
  [CODING_REPEATED, { status: 400, message: 'Transfer-Encoding is given more than once.' }],
  [CODING_INVALID, { status: 400, message: 'Transfer-Encoding does not end with chunked.' }],
  [CODING_UNSUPPORTED, { status: 501, message: 'Transfer-Encoding holds another coding than chunked.' }],
  [CODING_VERSION, { status: 400, message: 'HTTP/1.0 has no Transfer-Encoding.' }],
  [HOST_MISSING, { status: 400, message: 'An HTTP/1.1 request needs a Host field.' }],
  [HOST_REPEATED, { status: 400, message: 'Host is given more than once.' }],
  [HOST_INVALID, { status: 400, message: 'Host is not a host name or IP address with an optional port.' }],
  [HOST_MISMATCH, { status: 400, message: 'Host and the host of the request target differ.' }],
  [CONNECTION_INVALID, { status: 400, message: 'Connection is not a list of tokens, or too long a one.' }],
  [
    CONNECTION_END_TO_END,
    { status: 400, message: 'Connection names a field that is meant for all recipients, such as Host or Cookie.' },
  ],
  [EXPECTATION_UNKNOWN, { status: 417, message: 'Expect holds something else than 100-continue.' }],
  [BAD_STATUS_LINE, { status: 400, message: 'The status line is not HTTP/1.1 or HTTP/1.0 with a three-digit status.' }],
  [CHUNK_SIZE_INVALID, { status: 400, message: 'A chunk size is not a plain hexadecimal number followed by CRLF.' }],
  [CHUNK_SIZE_TOO_LARGE, { status: 400, message: 'A chunk size has too many digits.' }],
  [CHUNK_EXTENSION_INVALID, { status: 400, message: 'A chunk extension is malformed.' }],
  [CHUNK_EXTENSION_TOO_LONG, { status: 400, message: 'Chunk extensions are too long.' }],
  [CHUNK_END_MISSING, { status: 400, message: "A chunk's data is not followed by CRLF." }],
  [TRAILERS_TOO_LARGE, { status: 431, message: 'The trailer section is too large.' }],
  [TRAILER_FORBIDDEN, { status: 400, message: 'The trailer section holds a field that may not come after the body.' }],
]);

const UNKNOWN: RequestError = { status: 400, message: 'The message is malformed.' };

/** How a request with this fault is answered; for responses its message says what the backend did wrong. */
export function requestError(code: number): RequestError {
  return FAULTS.get(code) ?? UNKNOWN;
}
