/**
 * Passes TCP on, each piece later than it came: `node test/cluster/scale/slow-relay.ts 127.0.0.1:12300 127.0.0.1:2379 500`
 * makes whatever is behind it slow by half a second a request. It connects from 127.0.0.2, so that a rule which leads
 * others here can leave it out.
 */
import { connect, createServer, type Socket } from 'node:net';

const [listen = '', to = '', delay = ''] = process.argv.slice(2);
const [from, behind] = [placeOf(listen), placeOf(to)];

function placeOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

/** In order: timers of one length end in the order in which they began. */
function passOn(one: Socket, other: Socket, later: number): void {
  one.on('data', (piece) => void setTimeout(() => other.write(piece), later));
  one.on('error', () => other.destroy());
  one.on('close', () => void setTimeout(() => other.destroy(), later));
}

const server = createServer({ noDelay: true }, (client) => {
  const server = connect({ ...behind, localAddress: '127.0.0.2', noDelay: true });
  passOn(client, server, Number(delay));
  passOn(server, client, 0);
});
server.listen(from.port, from.host, () => console.log(`${listen} leads to ${to}, ${delay} ms later`));
