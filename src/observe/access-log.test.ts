import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ACCESS_FIELDS, type AccessEntry, accessLine, checkTemplate } from './access.ts';
import { AccessLog } from './access-log.ts';
import { Counter } from './metrics.ts';

const entry: AccessEntry = {
  time: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  requestId: 'r-1',
  protocol: 'HTTP/1.1',
  tlsVersion: 'TLSv1.3',
  tlsCipher: 'TLS_AES_128_GCM_SHA256',
  listener: 'infra/edge/http',
  client: '192.0.2.1',
  clientPort: 40000,
  user: '',
  method: 'GET',
  host: 'shop.example',
  path: '/cart',
  query: 'x=1',
  status: 200,
  route: 'HTTPRoute/shop/cart/0',
  backend: 'shop/cart:80',
  endpoint: '10.0.0.1:8080',
  duration: 12.34,
  upstreamDuration: 11,
  bytesIn: 100,
  bytesOut: 2000,
  attempts: 1,
  reason: '',
  policy: '',
  decision: '',
  referer: 'https://shop.example/',
  userAgent: 'curl/8',
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'accesslog-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a JSON line has every field of the entry and the time in RFC 3339', () => {
  expect(JSON.parse(accessLine(entry, 'json'))).toEqual({ ...entry, time: '2026-01-02T03:04:05.678Z' });
});

test('a JSON line has its keys in one order, whoever made the entry, and numbers of at most three places', () => {
  const mixed = Object.fromEntries(
    Object.entries({ ...entry, duration: 29.49 / 3 }).reverse(),
  ) as unknown as typeof entry;
  const line = accessLine(mixed, 'json');
  expect(Object.keys(JSON.parse(line))).toEqual([...ACCESS_FIELDS]);
  expect(line).toContain('"duration":9.83,');
});

test('a combined line is what tools for nginx read, escapes included', () => {
  expect(accessLine(entry, 'combined')).toBe(
    '192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET /cart?x=1 HTTP/1.1" 200 2000 "https://shop.example/" "curl/8"',
  );
  const bare = accessLine({ ...entry, method: '', status: 0, referer: '', userAgent: 'a" \n' }, 'combined');
  expect(bare).toMatch(/"-" 000 2000 "-" "a\\x22 \\x0a"$/);
});

test('a template is filled in; what is empty is a hyphen, and what a client chose is escaped', () => {
  const template = '{time} {client}:{clientPort} {status} "{userAgent}" {route} {reason} {upstreamDuration}';
  expect(accessLine({ ...entry, userAgent: 'a"{status}\n', upstreamDuration: -1 }, template)).toBe(
    '2026-01-02T03:04:05.678Z 192.0.2.1:40000 200 "a\\"{status}\\x0a" HTTPRoute/shop/cart/0 - -',
  );
  expect(() => checkTemplate(template)).not.toThrow();
  expect(() => checkTemplate('{username}')).toThrow(/no field \{username\}; there are time, /);
  expect(() => checkTemplate('{status}\n')).toThrow(/one line/);
});

test('a file that is moved away is written no more, and a new one is begun', async () => {
  const path = join(folder, 'access.log');
  const log = new AccessLog({ format: '{requestId}', to: path, dropped: new Counter() });
  const add = (requestId: string): void => {
    log.add({ ...entry, requestId });
    log.flush();
  };
  add('1');
  renameSync(path, join(folder, 'access.log.1'));
  add('2');
  add('3');
  rmSync(path);
  add('4');
  await log.close(5000);
  expect(readFileSync(join(folder, 'access.log.1'), 'utf8')).toBe('1\n');
  expect(readFileSync(path, 'utf8')).toBe('4\n');
});

/** A disk that is full: whoever opens this path writes nothing. */
const FULL = '/dev/full';

test('a full disk ends the log until there is room, costs counted lines, and no descriptor', async () => {
  const path = join(folder, 'access.log');
  symlinkSync(FULL, path);
  const dropped = new Counter();
  const log = new AccessLog({ format: '{requestId}', to: path, dropped, retry: 0 });
  for (let i = 1; i <= 20; i++) {
    log.add({ ...entry, requestId: String(i) });
    log.flush();
    await vi.waitFor(() => expect(dropped.value).toBe(i));
  }
  const open = (): number => openFiles().filter((file) => file === FULL).length;
  await vi.waitFor(() => expect(open()).toBe(0));
  rmSync(path);
  log.add({ ...entry, requestId: '21' });
  await log.close(5000);
  expect([readFileSync(path, 'utf8'), dropped.value]).toEqual(['21\n', 20]);
});

test('a reader that went away and came back is written to again', async () => {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const read = (): number => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const first = read();
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const dropped = new Counter();
  const log = new AccessLog({ format: '{requestId}', to: fd, dropped, retry: 0 });
  closeSync(first);
  log.add({ ...entry, requestId: '1' });
  log.flush();
  await vi.waitFor(() => expect(dropped.value).toBe(1));
  const second = read();
  log.add({ ...entry, requestId: '2' });
  await log.close(5000);
  const buffer = Buffer.alloc(100);
  expect(buffer.toString('utf8', 0, readSync(second, buffer))).toBe('2\n');
  for (const one of [fd, second]) closeSync(one);
});

test.each(['a file that cannot be opened', 'a path that leads in a circle'])(
  '%s keeps nobody from serving',
  async (what) => {
    const path = join(folder, 'access.log');
    const away = join(folder, 'away');
    if (what.startsWith('a file')) mkdirSync(path);
    const dropped = new Counter();
    const log = new AccessLog({ format: '{requestId}', to: path, dropped, retry: 0 });
    if (!what.startsWith('a file')) {
      renameSync(path, away);
      symlinkSync(path, path);
    }
    log.add({ ...entry, requestId: '1' });
    log.flush();
    rmSync(path, { recursive: true });
    log.add({ ...entry, requestId: '2' });
    await log.close(5000);
    expect(readFileSync(path, 'utf8')).toBe('2\n');
    if (what.startsWith('a file')) expect(dropped.value).toBe(1);
    else expect(readFileSync(away, 'utf8')).toBe('1\n');
  },
);

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

test('a text line reads from left to right: who, when, what, how it went', () => {
  expect(accessLine({ ...entry, backend: '', upstreamDuration: -1 }, 'text')).toBe(
    '192.0.2.1 [2026-01-02T03:04:05.678Z] "GET shop.example/cart?x=1 HTTP/1.1" 200 100 2000 12.3 - r-1 ' +
      'infra/edge/http HTTPRoute/shop/cart/0 - 10.0.0.1:8080 1 - "curl/8"',
  );
});

test('a client cannot forge a line or a quote', () => {
  const line = accessLine({ ...entry, userAgent: 'a" 500\n\u001b[2J\\' }, 'text');
  expect(line).not.toMatch(/\p{Cc}/u);
  expect(line.endsWith('"a\\" 500\\x0a\\x1b[2J\\\\"')).toBe(true);
});

test('entries are on disk, in order and whole, once the log is closed', async () => {
  const path = join(folder, 'log');
  const fd = openSync(path, 'w');
  const log = new AccessLog({ format: 'json', to: fd, dropped: new Counter(), batch: 1024 });
  for (let i = 0; i < 1000; i++) log.add({ ...entry, requestId: String(i) });
  await log.close(5000);
  closeSync(fd);
  const ids = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as AccessEntry).requestId);
  expect(ids).toEqual(Array.from({ length: 1000 }, (_, i) => String(i)));
});

test('a reader that does not read costs counted lines, not memory', async () => {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  // Both ends held here, so that nobody waits for a reader to come.
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const dropped = new Counter();
  const log = new AccessLog({ format: 'json', to: fd, dropped, batch: 4096, limit: 64 * 1024 });
  const line = Buffer.byteLength(accessLine(entry, 'json')) + 1;
  const sent = 2000;
  for (let i = 0; i < sent; i++) log.add(entry);
  log.flush();
  expect(dropped.value).toBeGreaterThan(sent - (64 * 1024 + 4096) / line - 1);
  const buffer = Buffer.alloc(1024 * 1024);
  let received = 0;
  await vi.waitFor(() => {
    received += readSync(fd, buffer);
    expect(received / line + dropped.value).toBe(sent);
  });
  closeSync(fd);
});
