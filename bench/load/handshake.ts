/**
 * New TLS connections, each of which sends one request and closes, from a few clients at a time.
 *
 * Usage: node handshake.ts PORT SECONDS new|resumed
 */
import tls from 'node:tls';
import type { Load } from './load.ts';

const [port, seconds] = process.argv.slice(2, 4).map(Number) as [number, number];
const resumed = process.argv[4] === 'resumed';
const clients = 8;
const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const context = tls.createSecureContext({ minVersion: 'TLSv1.3' });

let done = 0;
let failed = 0;
const deadline = performance.now() + seconds * 1000;

/** Connects once; gives the newest session ticket. Counts only when the connection was new or resumed as asked. */
function connect(session: Buffer | undefined): Promise<Buffer | undefined> {
  const { resolve, promise } = Promise.withResolvers<Buffer | undefined>();
  const options = { port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false };
  const socket = tls.connect({ ...options, secureContext: context, session });
  let ticket: Buffer | undefined;
  let answer = '';
  let asWanted = false;
  socket.on('session', (fresh) => {
    ticket = fresh;
  });
  socket.on('secureConnect', () => {
    asWanted = socket.isSessionReused() === (session !== undefined);
    socket.write(request);
  });
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    if (asWanted && answer.startsWith('HTTP/1.1 200')) done++;
    else failed++;
    resolve(ticket);
  });
  return promise;
}

async function client(): Promise<void> {
  let session = resumed ? await connect(undefined) : undefined;
  if (resumed && session === undefined) throw new Error('the server sent no session ticket');
  while (performance.now() < deadline) {
    const ticket = await connect(session);
    if (resumed) session = ticket ?? session;
  }
}

await Promise.all(Array.from({ length: clients }, client));
const load: Load = { done, failed };
process.stdout.write(`${JSON.stringify(load)}\n`);
