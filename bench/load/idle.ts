/**
 * Opens connections, sends one request on each, and holds them open in silence until it is told to end (SIGTERM).
 * Prints how many it holds once all are open, and ends with 1 when one of them is closed then.
 *
 * Usage: node idle.ts PORT COUNT plain|tls
 */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

const [port, count] = process.argv.slice(2, 4).map(Number) as [number, number];
const secure = process.argv[4] === 'tls';
const atOnce = 32;
const request = 'GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n';

const open: net.Socket[] = [];
let next = 0;

async function openSome(): Promise<void> {
  while (next++ < count) {
    const socket = secure
      ? tls.connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false })
      : net.connect(port, '127.0.0.1');
    await once(socket, secure ? 'secureConnect' : 'connect');
    socket.write(request);
    await once(socket, 'data');
    socket.resume();
    open.push(socket);
  }
}

await Promise.all(Array.from({ length: atOnce }, openSome));
process.stdout.write(`${open.filter((socket) => !socket.destroyed).length}\n`);
for (const socket of open) socket.once('close', () => process.exit(1));
