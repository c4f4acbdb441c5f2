/** Ports for listeners that come and go: the system gives them to nobody else meanwhile. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Of both families, where the machine has them. */
export const LOOPBACK: readonly string[] = ['127.0.0.1', '::1'].filter((own) =>
  Object.values(networkInterfaces()).some((infos = []) => infos.some(({ address }) => address === own)),
);

/** Below those that Linux gives to connections (`net.ipv4.ip_local_port_range`), which the soak makes many of. */
const LOWEST = 20_000;
const HIGHEST = 32_000;

export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  for (let port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST)); found.length < count; port++) {
    if (port > 65_535) throw new Error('no port is free');
    const free = await Promise.all(LOOPBACK.map((address) => isFree(port, address)));
    if (!free.includes(false)) found.push(port);
  }
  return found;
}

async function isFree(port: number, address: string): Promise<boolean> {
  const server = createServer().listen(port, address);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
