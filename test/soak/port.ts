/** Ports for listeners that come and go: the system gives them to nobody else meanwhile. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that Linux gives to connections (`net.ipv4.ip_local_port_range`), which the soak makes many of. */
const LOWEST = 20_000;
const HIGHEST = 32_000;

export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  for (let port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST)); found.length < count; port++) {
    if (port > 65_535) throw new Error('no port is free');
    if (await isFree(port)) found.push(port);
  }
  return found;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
