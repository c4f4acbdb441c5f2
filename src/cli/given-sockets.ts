/**
 * Sockets that a service manager opened for this run (systemd's socket activation): descriptors from 3 on, of which the
 * environment tells the number and the names. Where each is bound the kernel's tables say: asking a socket itself would
 * need one that already takes connections.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { endianness } from 'node:os';
import type { GivenSocket } from '../proxy/index.ts';
import { addressText } from '../value/address.ts';
import { socketName } from '../value/socket-name.ts';

export interface NamedSocket extends GivenSocket {
  /** As its unit calls it. */
  name: string;
}

export interface Given {
  sockets: NamedSocket[];
  /** What was given and cannot be used, in words. */
  problems: string[];
}

const FIRST = 3;
/** Descriptors that are looked at. */
const MOST = 1024;
const LISTENING = '0A';
/** Of datagrams without a peer. */
const UNCONNECTED = '07';

const TABLES = [
  { file: 'tcp', transport: 'tcp', state: LISTENING },
  { file: 'tcp6', transport: 'tcp', state: LISTENING },
  { file: 'udp', transport: 'udp', state: UNCONNECTED },
  { file: 'udp6', transport: 'udp', state: UNCONNECTED },
] as const;

let given: Given | undefined;

/** Read once: what the environment says of it is taken away, so that no child believes it to be meant for itself. */
export function givenSockets(): Given {
  given ??= readGiven(process.env);
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID']) delete process.env[name];
  return given;
}

function readGiven({ LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES }: NodeJS.ProcessEnv): Given {
  const read: Given = { sockets: [], problems: [] };
  const count = Number(LISTEN_FDS ?? 0);
  if (Number(LISTEN_PID) !== process.pid || !Number.isInteger(count) || count < 1) return read;
  const names = LISTEN_FDNAMES?.split(':') ?? [];
  const places = openPlaces();
  for (let at = 0; at < Math.min(count, MOST); at++) {
    const fd = FIRST + at;
    const name = names[at] ?? 'unknown';
    const place = places.get(inodeOf(fd));
    if (place !== undefined) read.sockets.push({ ...place, fd, name });
    else read.problems.push(`socket ${name} (descriptor ${fd}) is none that listens for TCP or UDP: it is not used`);
  }
  return read;
}

function inodeOf(fd: number): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? '';
  } catch {
    return '';
  }
}

/** Sockets of this network that listen, by inode. */
function openPlaces(): Map<string, Pick<GivenSocket, 'transport' | 'address' | 'port'>> {
  const places = new Map<string, Pick<GivenSocket, 'transport' | 'address' | 'port'>>();
  for (const { file, transport, state: wanted } of TABLES) {
    for (const line of linesOf(`/proc/self/net/${file}`)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      if (state !== wanted) continue;
      places.set(inode, { transport, address: addressOf(address), port: Number.parseInt(port, 16) });
    }
  }
  return places;
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(1, -1);
  } catch {
    // A kernel without IPv6 has no table of it.
    return [];
  }
}

/** Words of 32 bits, each in the order of this machine. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  return addressText(endianness() === 'LE' ? bytes.swap32() : bytes);
}

/** As people know it. */
export function givenName({ name, address, port, transport }: NamedSocket): string {
  return `socket ${name} (${socketName(address, port)}, ${transport.toUpperCase()})`;
}
