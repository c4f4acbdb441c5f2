/**
 * Messages that HTTP parsers read in different ways, and what becomes of each here. Data only: the parser's tests, the
 * served-traffic tests and the differential test against other proxies run over the same table.
 */
export interface SmugglingForm {
  readonly name: string;
  /** Bytes on the wire as latin1, whole: nothing more is needed for the verdict. */
  readonly raw: string;
  /** `refused`: answered with `status` and nothing of it, or of what follows, is forwarded. */
  readonly verdict: 'refused' | 'accepted';
  readonly status?: number;
  /** The head is sound and the body is refused, when part of it may be forwarded already. */
  readonly inBody?: true;
}

const SMUGGLED = 'GET /admin HTTP/1.1\r\nHost: a.example\r\n\r\n';
const LAST_CHUNK = '0\r\n\r\n';

function post(lines: string[], body = ''): string {
  return `${['POST /x HTTP/1.1', 'Host: a.example', ...lines].join('\r\n')}\r\n\r\n${body}`;
}

function get(line: string, lines: string[] = ['Host: a.example']): string {
  return `${[line, ...lines].join('\r\n')}\r\n\r\n`;
}

function chunked(body: string): string {
  return post(['Transfer-Encoding: chunked'], body);
}

function refused(name: string, raw: string, status = 400): SmugglingForm {
  return { name, raw, verdict: 'refused', status };
}

function refusedBody(name: string, body: string, status = 400): SmugglingForm {
  return { name, raw: chunked(body), verdict: 'refused', status, inBody: true };
}

function accepted(name: string, raw: string): SmugglingForm {
  return { name, raw, verdict: 'accepted' };
}

const LENGTH_AND_CODING: SmugglingForm[] = [
  refused(
    'CL.TE: both, length first',
    post(['Content-Length: 6', 'Transfer-Encoding: chunked'], `${LAST_CHUNK}G${SMUGGLED}`),
  ),
  refused(
    'TE.CL: both, coding first',
    post(['Transfer-Encoding: chunked', 'Content-Length: 4'], `5c\r\n${SMUGGLED}${LAST_CHUNK}`),
  ),
  refused('both, length 0', post(['Content-Length: 0', 'Transfer-Encoding: chunked'], LAST_CHUNK)),
  refused('both, names in capitals', post(['CONTENT-LENGTH: 3', 'TRANSFER-ENCODING: chunked'], LAST_CHUNK)),
  refused('both, on GET', get('GET / HTTP/1.1', ['Host: a', 'Content-Length: 3', 'Transfer-Encoding: chunked'])),
  refused('length with identity coding', post(['Content-Length: 3', 'Transfer-Encoding: identity'], 'abc')),
];

const CODINGS: SmugglingForm[] = [
  accepted('chunked', chunked(`3\r\nabc\r\n${LAST_CHUNK}`)),
  accepted('chunked in capitals', post(['Transfer-Encoding: CHUNKED'], LAST_CHUNK)),
  accepted('chunked between spaces and tabs', post(['Transfer-Encoding: \t chunked \t'], LAST_CHUNK)),
  refused('space before the colon', post(['Transfer-Encoding : chunked'], LAST_CHUNK)),
  refused('tab before the colon', post(['Transfer-Encoding\t: chunked'], LAST_CHUNK)),
  refused('vertical tab before chunked', post(['Transfer-Encoding: \x0bchunked'], LAST_CHUNK)),
  refused('form feed before chunked', post(['Transfer-Encoding: \x0cchunked'], LAST_CHUNK)),
  refused('NUL before chunked', post(['Transfer-Encoding: \x00chunked'], LAST_CHUNK)),
  refused('DEL after chunked', post(['Transfer-Encoding: chunked\x7f'], LAST_CHUNK)),
  refused('no-break space before chunked', post(['Transfer-Encoding: \xa0chunked'], LAST_CHUNK)),
  refused('byte above ASCII after chunked', post(['Transfer-Encoding: chunked\xff'], LAST_CHUNK)),
  refused('xchunked', post(['Transfer-Encoding: xchunked'], LAST_CHUNK)),
  refused('chunkedx', post(['Transfer-Encoding: chunkedx'], LAST_CHUNK)),
  refused('chunk', post(['Transfer-Encoding: chunk'], LAST_CHUNK)),
  refused('chunked in quotes', post(['Transfer-Encoding: "chunked"'], LAST_CHUNK)),
  refused('chunked in single quotes', post(["Transfer-Encoding: 'chunked'"], LAST_CHUNK)),
  refused('chunked with a parameter', post(['Transfer-Encoding: chunked;q=1'], LAST_CHUNK)),
  refused('chunked, identity', post(['Transfer-Encoding: chunked, identity'], LAST_CHUNK)),
  refused('chunked and a comma', post(['Transfer-Encoding: chunked,'], LAST_CHUNK)),
  refused('identity', post(['Transfer-Encoding: identity'], LAST_CHUNK)),
  refused('gzip alone', post(['Transfer-Encoding: gzip'], LAST_CHUNK)),
  refused('empty coding', post(['Transfer-Encoding:'], LAST_CHUNK)),
  refused('gzip, chunked', post(['Transfer-Encoding: gzip, chunked'], LAST_CHUNK), 501),
  refused('identity, chunked', post(['Transfer-Encoding: identity, chunked'], LAST_CHUNK), 501),
  refused('chunked, chunked', post(['Transfer-Encoding: chunked, chunked'], LAST_CHUNK), 501),
  refused('comma before chunked', post(['Transfer-Encoding: , chunked'], LAST_CHUNK), 501),
  refused('coding twice', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], LAST_CHUNK)),
  refused('chunked, then identity', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], LAST_CHUNK)),
  refused('identity, then chunked', post(['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'], LAST_CHUNK)),
  refused('chunked, then x in other case', post(['Transfer-Encoding: chunked', 'transfer-encoding: x'], LAST_CHUNK)),
  refused('coding folded onto the next line', post(['Transfer-Encoding:', ' chunked'], LAST_CHUNK)),
  refused('coding folded with a tab', post(['Transfer-Encoding: identity,', '\tchunked'], LAST_CHUNK)),
  refused('coding behind a bare LF', post(['X: y\nTransfer-Encoding: chunked'], LAST_CHUNK)),
  refused('coding behind a bare CR', post(['X: y\rTransfer-Encoding: chunked'], LAST_CHUNK)),
  refused('coding line that begins with a space', post([' Transfer-Encoding: chunked'], LAST_CHUNK)),
  refused('Transfer_Encoding', post(['Transfer_Encoding: chunked'], LAST_CHUNK)),
  refused('Content_Length', post(['Content_Length: 3'], 'abc')),
  refused('coding in HTTP/1.0', get('POST / HTTP/1.0', ['Host: a', 'Transfer-Encoding: chunked']) + LAST_CHUNK),
  accepted('X-Transfer-Encoding', post(['X-Transfer-Encoding: chunked', 'Content-Length: 0'])),
];

const LENGTHS: SmugglingForm[] = [
  accepted('a length', post(['Content-Length: 3'], 'abc')),
  accepted('no length and no coding: no body', post([])),
  accepted('GET with a body', `${get('GET / HTTP/1.1', ['Host: a', 'Content-Length: 3'])}abc`),
  refused('two equal lengths', post(['Content-Length: 3', 'Content-Length: 3'], 'abc')),
  refused('two different lengths', post(['Content-Length: 3', 'Content-Length: 0'], 'abc')),
  refused('two lengths in other case', post(['Content-Length: 3', 'content-length: 5'], 'abc')),
  refused('list of equal lengths', post(['Content-Length: 3, 3'], 'abc')),
  refused('list of different lengths', post(['Content-Length: 3, 5'], 'abc')),
  refused('length and a comma', post(['Content-Length: 3,'], 'abc')),
  refused('plus sign', post(['Content-Length: +3'], 'abc')),
  refused('minus sign', post(['Content-Length: -3'], 'abc')),
  refused('hexadecimal length', post(['Content-Length: 0x3'], 'abc')),
  refused('underscore in a length', post(['Content-Length: 3_0'], 'abc')),
  refused('trailing underscore', post(['Content-Length: 3_'], 'abc')),
  refused('space within a length', post(['Content-Length: 3 3'], 'abc')),
  refused('leading zeros', post(['Content-Length: 003'], 'abc')),
  refused('fraction', post(['Content-Length: 3.0'], 'abc')),
  refused('exponent', post(['Content-Length: 3e0'], 'abc')),
  refused('quoted length', post(['Content-Length: "3"'], 'abc')),
  refused('empty length', post(['Content-Length:'], 'abc')),
  refused('length that is a word', post(['Content-Length: chunked'], LAST_CHUNK)),
  refused('length that overflows 64 bits', post(['Content-Length: 18446744073709551619'], 'abc')),
  refused('length that overflows 63 bits', post(['Content-Length: 9223372036854775808'], 'abc')),
  refused('length with a NUL', post(['Content-Length: 3\x00'], 'abc')),
  refused('length with a vertical tab', post(['Content-Length: \x0b3'], 'abc')),
  refused('space before the colon of a length', post(['Content-Length : 3'], 'abc')),
  refused('folded length', post(['Content-Length: 1', ' 3'], 'abc')),
  refused('length in superscript digits', post(['Content-Length: \xb3'], 'abc')),
];

const LINES: SmugglingForm[] = [
  accepted('one empty line first', `\r\n${SMUGGLED}`),
  refused('two empty lines first', `\r\n\r\n${SMUGGLED}`),
  refused('bare LF first', `\n${SMUGGLED}`),
  refused('space before the request line', ` ${SMUGGLED}`),
  refused('bare LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n'),
  refused('bare LF everywhere', 'GET / HTTP/1.1\nHost: a\n\n'),
  refused('bare LF as empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\n'),
  refused('bare CR as line end', 'GET / HTTP/1.1\rHost: a\r\r'),
  refused('bare CR in a value', get('GET / HTTP/1.1', ['Host: a', 'X: b\rc'])),
  refused('CR CR LF', 'GET / HTTP/1.1\r\nHost: a\r\r\n\r\n'),
  refused('CR at the start of a line', 'GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n'),
  refused('NUL in a value', get('GET / HTTP/1.1', ['Host: a', 'X: b\x00c'])),
  refused('escape character in a value', get('GET / HTTP/1.1', ['Host: a', 'X: b\x1bc'])),
  refused('field without a colon', get('GET / HTTP/1.1', ['Host: a', 'X'])),
  refused('field without a name', get('GET / HTTP/1.1', ['Host: a', ': x'])),
  refused('space in a name', get('GET / HTTP/1.1', ['Host: a', 'X Y: z'])),
  refused('NUL in a name', get('GET / HTTP/1.1', ['Host: a', 'X\x00Y: z'])),
  refused('byte above ASCII in a name', get('GET / HTTP/1.1', ['Host: a', 'X\xe4: z'])),
  refused('parenthesis in a name', get('GET / HTTP/1.1', ['Host: a', 'X(Y): z'])),
  refused('quote in a name', get('GET / HTTP/1.1', ['Host: a', '"Host": z'])),
  refused('folded first line', get('GET / HTTP/1.1', [' X: y', 'Host: a'])),
  refused('folded value', get('GET / HTTP/1.1', ['Host: a', 'X: y', ' z'])),
  refused('line of white space only', get('GET / HTTP/1.1', ['Host: a', ' ', 'X: y'])),
  refused('X_Forwarded_For', get('GET / HTTP/1.1', ['Host: a', 'X_Forwarded_For: 10.0.0.1'])),
  refused('x-forwarded_proto', get('GET / HTTP/1.1', ['Host: a', 'x-forwarded_proto: https'])),
  accepted('underscore in another name', get('GET / HTTP/1.1', ['Host: a', 'api_key: 1'])),
  accepted('bytes above ASCII in a value', get('GET / HTTP/1.1', ['Host: a', 'X: \xe4\xff'])),
  accepted('empty value', get('GET / HTTP/1.1', ['Host: a', 'X:'])),
];

const REQUEST_LINES: SmugglingForm[] = [
  refused('HTTP/0.9', 'GET /\r\n\r\n'),
  refused('HTTP/0.9 with fields', get('GET /')),
  refused('version 0.9', get('GET / HTTP/0.9'), 505),
  refused('version 2.0', get('GET / HTTP/2.0'), 505),
  refused('version 1.2', get('GET / HTTP/1.2'), 505),
  refused('version 1.10', get('GET / HTTP/1.10')),
  refused('version 1', get('GET / HTTP/1')),
  refused('version 01.1', get('GET / HTTP/01.1')),
  refused('version 1,1', get('GET / HTTP/1,1')),
  refused('version with a plus sign', get('GET / HTTP/+1.1')),
  refused('lower-case http', get('GET / http/1.1')),
  refused('HTTPS/1.1', get('GET / HTTPS/1.1')),
  refused('space after the version', get('GET / HTTP/1.1 ')),
  refused('two spaces before the target', get('GET  / HTTP/1.1')),
  refused('two spaces before the version', get('GET /  HTTP/1.1')),
  refused('tab before the target', get('GET\t/ HTTP/1.1')),
  refused('tab before the version', get('GET /\tHTTP/1.1')),
  refused('two versions', get('GET / HTTP/1.1 HTTP/1.1')),
  refused('no method', get('/ HTTP/1.1')),
  refused('method in parentheses', get('(GET) / HTTP/1.1')),
  refused('NUL in the method', get('G\x00ET / HTTP/1.1')),
  accepted('method of our own', get('X-PURGE! / HTTP/1.1')),
  accepted('method in lower case', get('get / HTTP/1.1')),
  refused('CONNECT', get('CONNECT a.example:443 HTTP/1.1'), 501),
  refused('authority as target', get('GET a.example:80 HTTP/1.1')),
  refused('relative path as target', get('GET x/y HTTP/1.1')),
  refused('asterisk with GET', get('GET * HTTP/1.1')),
  refused('asterisk with a path', get('OPTIONS */x HTTP/1.1')),
  accepted('asterisk with OPTIONS', get('OPTIONS * HTTP/1.1')),
  refused('NUL in the path', get('GET /\x00 HTTP/1.1')),
  refused('DEL in the path', get('GET /\x7f HTTP/1.1')),
  refused('byte above ASCII in the path', get('GET /\xe4 HTTP/1.1')),
  refused('fragment', get('GET /x#y HTTP/1.1')),
  refused('fragment in the query', get('GET /?x#y HTTP/1.1')),
  refused('backslash in the path', get('GET /x\\..\\y HTTP/1.1')),
  refused('escaped NUL in the path', get('GET /x%00.png HTTP/1.1')),
  refused('half an escape', get('GET /x%2 HTTP/1.1')),
  refused('escape that is not hexadecimal', get('GET /%zz HTTP/1.1')),
  refused('escape of more than a byte', get('GET /%u002e HTTP/1.1')),
  refused('dot segments', get('GET /x/../admin HTTP/1.1')),
  refused('dot segments at the end', get('GET /x/.. HTTP/1.1')),
  refused('single dot segment', get('GET /./admin HTTP/1.1')),
  refused('escaped dot segments', get('GET /x/%2e%2E/admin HTTP/1.1')),
  refused('half-escaped dot segments', get('GET /x/.%2e/admin HTTP/1.1')),
  refused('dot segments before a query', get('GET /x/..?y HTTP/1.1')),
  refused('dot segments with a parameter', get('GET /x/..;y/admin HTTP/1.1')),
  refused('dot segments after an escaped slash', get('GET /x%2f../admin HTTP/1.1')),
  refused('dot segments before an escaped slash', get('GET /x/..%2fadmin HTTP/1.1')),
  refused('dot segments between escaped backslashes', get('GET /x%5c..%5Cadmin HTTP/1.1')),
  accepted('three dots', get('GET /.../x HTTP/1.1')),
  accepted('name that begins with a dot', get('GET /.well-known/x HTTP/1.1')),
  accepted('escaped slash', get('GET /a%2Fb HTTP/1.1')),
  accepted('dots in a query', get('GET /?x=/../y HTTP/1.1')),
  accepted('per cent sign in a query', get('GET /?x=100% HTTP/1.1')),
];

const HOSTS: SmugglingForm[] = [
  refused('no Host in HTTP/1.1', get('GET / HTTP/1.1', [])),
  accepted('no Host in HTTP/1.0', get('GET / HTTP/1.0', [])),
  refused('two Hosts', get('GET / HTTP/1.1', ['Host: a', 'Host: b'])),
  refused('two equal Hosts', get('GET / HTTP/1.1', ['Host: a', 'host: a'])),
  refused('space before the colon of Host', get('GET / HTTP/1.1', ['Host : a'])),
  refused('empty Host', get('GET / HTTP/1.1', ['Host:'])),
  refused('list of Hosts', get('GET / HTTP/1.1', ['Host: a, b'])),
  refused('space in Host', get('GET / HTTP/1.1', ['Host: a b'])),
  refused('user information in Host', get('GET / HTTP/1.1', ['Host: a@b'])),
  refused('path in Host', get('GET / HTTP/1.1', ['Host: a/b'])),
  refused('query in Host', get('GET / HTTP/1.1', ['Host: a?b'])),
  refused('fragment in Host', get('GET / HTTP/1.1', ['Host: a#b'])),
  refused('backslash in Host', get('GET / HTTP/1.1', ['Host: a\\b'])),
  refused('escape in Host', get('GET / HTTP/1.1', ['Host: a%2eb'])),
  refused('URL in Host', get('GET / HTTP/1.1', ['Host: http://a'])),
  refused('byte above ASCII in Host', get('GET / HTTP/1.1', ['Host: \xe4'])),
  refused('empty label in Host', get('GET / HTTP/1.1', ['Host: a..b'])),
  refused('leading dot in Host', get('GET / HTTP/1.1', ['Host: .a'])),
  refused('two final dots in Host', get('GET / HTTP/1.1', ['Host: a..'])),
  refused('port that is a word', get('GET / HTTP/1.1', ['Host: a:x'])),
  refused('port with a sign', get('GET / HTTP/1.1', ['Host: a:+80'])),
  accepted('empty port', get('GET / HTTP/1.1', ['Host: a:'])),
  refused('empty port without a name', get('GET / HTTP/1.1', ['Host: :'])),
  refused('empty port behind another', get('GET / HTTP/1.1', ['Host: a:80:'])),
  refused('port 0', get('GET / HTTP/1.1', ['Host: a:0'])),
  refused('port out of range', get('GET / HTTP/1.1', ['Host: a:65536'])),
  refused('two ports', get('GET / HTTP/1.1', ['Host: a:80:80'])),
  refused('port before a path', get('GET / HTTP/1.1', ['Host: a:80/x'])),
  refused('IPv6 without brackets', get('GET / HTTP/1.1', ['Host: ::1'])),
  refused('IPv6 with an open bracket', get('GET / HTTP/1.1', ['Host: [::1'])),
  refused('IPv6 with a zone', get('GET / HTTP/1.1', ['Host: [fe80::1%25eth0]'])),
  refused('name in brackets', get('GET / HTTP/1.1', ['Host: [a]'])),
  refused('text after the brackets', get('GET / HTTP/1.1', ['Host: [::1]a'])),
  accepted('IPv6 with a port', get('GET / HTTP/1.1', ['Host: [2001:db8::1]:8080'])),
  accepted('final dot in Host', get('GET / HTTP/1.1', ['Host: a.example.:80'])),
  accepted('URL as target', get('GET http://a.example/x HTTP/1.1')),
  accepted('URL as target, case and default port apart', get('GET HTTP://A.example:80/x HTTP/1.1')),
  refused('URL as target with another Host', get('GET http://b.example/x HTTP/1.1')),
  refused('URL as target with another port', get('GET http://a.example:81/x HTTP/1.1')),
  refused('URL as target without Host', get('GET http://a.example/ HTTP/1.1', [])),
  refused('URL as target with user information', get('GET http://u@a.example/ HTTP/1.1')),
  refused('URL as target without host', get('GET http:///x HTTP/1.1')),
  refused('URL as target with one slash', get('GET http:/a.example/x HTTP/1.1')),
  refused('URL as target with a backslash', get('GET http://a.example\\b/ HTTP/1.1')),
  refused('URL as target of another scheme', get('GET file:///etc/passwd HTTP/1.1')),
  refused('URL as target with dot segments', get('GET http://a.example/../x HTTP/1.1')),
];

const HOP_FIELDS: SmugglingForm[] = [
  accepted('Connection: close', post(['Connection: close'])),
  accepted('Connection names a field of its own', post(['Connection: X-Hop', 'X-Hop: 1'])),
  refused('Connection names Host', post(['Connection: close, Host'])),
  refused('Connection names Content-Length', post(['Connection: content-length', 'Content-Length: 3'], 'abc')),
  refused('Connection names Authorization', post(['Connection: Authorization', 'Authorization: x'])),
  refused('Connection names Cookie', post(['Connection: keep-alive, cookie'])),
  refused('Connection names X-Forwarded-For', post(['Connection: X-Forwarded-For'])),
  refused('Connection names X-Request-Id', post(['Connection: x-request-id'])),
  refused('Connection with a space in an option', post(['Connection: keep alive'])),
  refused('Connection with a quoted option', post(['Connection: "close"'])),
  refused('Expect of another kind', post(['Expect: 200-ok', 'Content-Length: 3'], 'abc'), 417),
  refused('Expect twice in one line', post(['Expect: 100-continue, 100-continue', 'Content-Length: 3'], 'abc'), 417),
  refused('Expect with a letter too many', post(['Expect: 100-continuee', 'Content-Length: 3'], 'abc'), 417),
  refused('Expect empty', post(['Expect:', 'Content-Length: 3'], 'abc'), 417),
  accepted('Expect without a body', post(['Expect: 100-continue'])),
  accepted('Upgrade to h2c', post(['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'])),
  accepted('Upgrade without Connection', post(['Upgrade: websocket'])),
  accepted('Upgrade with a body', post(['Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 3'], 'abc')),
];

const CHUNKS: SmugglingForm[] = [
  accepted('chunk size in capitals', chunked(`A\r\n0123456789\r\n${LAST_CHUNK}`)),
  accepted('leading zeros of a chunk size', chunked(`003\r\nabc\r\n00\r\n\r\n`)),
  accepted('chunk extensions', chunked(`3;a;b=c;d="e;\\"\xe4"\r\nabc\r\n0;f\r\n\r\n`)),
  accepted('trailer field', chunked(`3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n`)),
  refusedBody('chunk size with 0x', `0x3\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('negative chunk size', `-1\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('chunk size with a plus sign', `+3\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('chunk size with an underscore', `1_0\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('empty chunk size', `\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('chunk size that is no number', `g\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('chunk size that overflows 64 bits', `10000000000000003\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('chunk size with more zeros than digits are read', `0000000000003\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('space before a chunk size', ` 3\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('space after a chunk size', `3 \r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('tab after a chunk size', `3\t\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('NUL after a chunk size', `3\x00\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('bare LF after a chunk size', `3\nabc\r\n${LAST_CHUNK}`),
  refusedBody('bare CR after a chunk size', `3\rabc\r\n${LAST_CHUNK}`),
  refusedBody('bare LF in an extension', `3;a\nabc\r\n${LAST_CHUNK}`),
  refusedBody('bare LF in a quoted extension', `3;a="\n"\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('bare CR in an extension', `3;a\rb\r\nabc\r\n${LAST_CHUNK}`),
  accepted('white space before extensions', chunked(`3 ;a\r\nabc\r\n2\t ;b=c ;d="e"\t;f\r\nde\r\n0 ;g\r\n\r\n`)),
  refusedBody('space before what is no extension', `3 a\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('space before a bare LF', `3 \nabc\r\n${LAST_CHUNK}`),
  refusedBody('digit after a space', `3 0\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('space after an extension', `3;a \r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('space before a value', `3;a =b\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('space in an extension', `3; a=b\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('extension without a name', `3;\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('extension with an empty value', `3;a=\r\nabc\r\n${LAST_CHUNK}`),
  refusedBody('no CRLF after the data', `3\r\nabc${LAST_CHUNK}`),
  refusedBody('data longer than its size', `3\r\nabcd\r\n${LAST_CHUNK}`),
  refusedBody('bare LF after the data', `3\r\nabc\n${LAST_CHUNK}`),
  refusedBody('bare CR after the data', `3\r\nabc\r${LAST_CHUNK}`),
  refusedBody('bare LF after the last chunk', `3\r\nabc\r\n0\n\n`),
  refusedBody('bare LF as end of the body', `3\r\nabc\r\n0\r\n\n`),
  refusedBody('bare CR as end of the body', `3\r\nabc\r\n0\r\n\rX`),
  refusedBody('trailer Content-Length', `0\r\nContent-Length: 3\r\n\r\n`),
  refusedBody('trailer Transfer-Encoding', `0\r\nTransfer-Encoding: chunked\r\n\r\n`),
  refusedBody('trailer Host', `0\r\nHost: b\r\n\r\n`),
  refusedBody('trailer Authorization', `0\r\nAuthorization: x\r\n\r\n`),
  refusedBody('trailer X-Forwarded-For', `0\r\nX-Forwarded-For: x\r\n\r\n`),
  refusedBody('trailer Client-Cert', `0\r\nClient-Cert: x\r\n\r\n`),
  refusedBody('trailer Client-Cert-Chain', `0\r\nClient-Cert-Chain: x\r\n\r\n`),
  refusedBody('trailer CDN-Loop', `0\r\nCDN-Loop: x\r\n\r\n`),
  refusedBody('trailer with a folded line', `0\r\nX: a\r\n b\r\n\r\n`),
  refusedBody('trailer with a bare LF', `0\r\nX: a\nY: b\r\n\r\n`),
  refusedBody('trailer with a space before the colon', `0\r\nX : a\r\n\r\n`),
  refusedBody('trailer without a colon', `0\r\n${SMUGGLED}`),
];

export const SMUGGLING_FORMS: ReadonlyArray<SmugglingForm> = [
  ...LENGTH_AND_CODING,
  ...CODINGS,
  ...LENGTHS,
  ...LINES,
  ...REQUEST_LINES,
  ...HOSTS,
  ...HOP_FIELDS,
  ...CHUNKS,
];
