/** A name server of a few lines, over UDP and TCP: A records of names that a test sets, and NXDOMAIN for all others. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const HEADER = 12;
const RESPONSE = 0x8400;
const NO_SUCH_NAME = 3;
const TYPE_A = 1;
const CLASS_IN = 1;
/** A pointer to the name of the question. */
const NAME_POINTER = 0xc00c;

export interface NameServer {
  port: number;
  /** Names, lower case, and the addresses that they have now. */
  readonly records: Map<string, string[]>;
  /** Names that were asked for. */
  readonly asked: string[];
  close(): Promise<void>;
}

export async function startNameServer(ttl = 1): Promise<NameServer> {
  const records = new Map<string, string[]>();
  const asked: string[] = [];
  const socket = createSocket('udp4');
  const answered = (query: Buffer): Buffer => {
    const { name, end } = questionOf(query);
    asked.push(name);
    const known = records.get(name);
    const addresses = query.readUInt16BE(end - 4) === TYPE_A ? (known ?? []) : [];
    return answerTo(query.subarray(0, end), { addresses, known: known !== undefined, ttl });
  };
  socket.on('message', (query, { address, port }) => socket.send(answered(query), port, address));
  const streams = createServer((stream) => {
    let held = Buffer.alloc(0);
    stream.on('error', () => {});
    stream.on('data', (bytes: Buffer) => {
      held = Buffer.concat([held, bytes]);
      if (held.length < 2 || held.length < 2 + held.readUInt16BE(0)) return;
      const answer = answered(held.subarray(2));
      stream.end(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 0xff]), answer]));
    });
  });
  streams.listen(0, '127.0.0.1');
  await once(streams, 'listening');
  const { port } = streams.address() as { port: number };
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port,
    records,
    asked,
    async close() {
      const closed = once(socket, 'close');
      socket.close();
      streams.close();
      await closed;
    },
  };
}

/** The name that is asked for, and where the question ends. */
function questionOf(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = HEADER;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 5 };
}

function answerTo(question: Buffer, about: { addresses: string[]; known: boolean; ttl: number }): Buffer {
  const head = Buffer.from(question);
  head.writeUInt16BE(RESPONSE | (about.known ? 0 : NO_SUCH_NAME), 2);
  for (const [i, count] of [1, about.addresses.length, 0, 0].entries()) head.writeUInt16BE(count, 4 + i * 2);
  const answers = about.addresses.map((address) => {
    const record = Buffer.alloc(16);
    for (const [i, value] of [NAME_POINTER, TYPE_A, CLASS_IN].entries()) record.writeUInt16BE(value, i * 2);
    record.writeUInt32BE(about.ttl, 6);
    record.writeUInt16BE(4, 10);
    for (const [i, part] of address.split('.').entries()) record[12 + i] = Number(part);
    return record;
  });
  return Buffer.concat([head, ...answers]);
}
