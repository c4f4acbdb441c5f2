/** Looks at what the gateway serves, as a client. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import net from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import type { Stage } from './stage.ts';
import { HOSTS } from './traffic/index.ts';
import { mustEqual, pattern } from './traffic/traffic.ts';

/** Milliseconds in which a change that the gateway calls applied must be seen. */
const SEEN = 5_000;
/** A byte each half a second: such an answer is under way while something goes. */
export const UNDER_WAY = '/h1/slow/4';
const UNDER_WAY_BYTES = 4;

interface Asked {
  port?: number;
  host?: string;
  path?: string;
}

export async function begin(
  stage: Stage,
  { port = stage.place.ports.http, host = HOSTS.web, path = UNDER_WAY }: Asked,
) {
  const request = http.get({ host: '127.0.0.1', port, path, agent: false, headers: { host } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

export async function finish(response: IncomingMessage): Promise<void> {
  if (response.statusCode !== 200) throw new Error(String(response.statusCode));
  mustEqual(await buffer(response), pattern(UNDER_WAY_BYTES));
}

export async function ask(stage: Stage, asked: Asked): Promise<{ status: number; headers: http.IncomingHttpHeaders }> {
  const response = await begin(stage, { path: '/h1/bytes/10', ...asked });
  response.resume();
  await once(response, 'end');
  return { status: response.statusCode!, headers: response.headers };
}

/** What is applied may take a moment to be seen where there are several workers. */
export async function seen(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + SEEN;
  while (!(await condition().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`the change was not seen in ${SEEN / 1000} s`);
    await delay(10);
  }
}

export async function isRefused(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}

export async function echoed(port: number, text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.end(text);
  return (await buffer(socket)).toString();
}

/** The fingerprint of the certificate that a client with this name is shown. */
export async function shown(stage: Stage, servername: string): Promise<string> {
  const { ports, ca } = stage.place;
  const socket = tls.connect({ host: '127.0.0.1', port: ports.https, servername, ca });
  await once(socket, 'secureConnect');
  const shownNow = socket.getPeerCertificate().fingerprint256;
  socket.destroy();
  return shownNow;
}

export function fingerprint(certificate: string): string {
  return new X509Certificate(certificate).fingerprint256;
}

/** Once all of the manifests is served, however many changes the gateway took it for. */
export async function served(stage: Stage): Promise<void> {
  await seen(async () => (await ask(stage, {})).status === 200);
  await seen(async () => (await echoed(stage.place.ports.tcp, 'hello')) === 'hello');
}
