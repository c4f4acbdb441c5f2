/** A text from a server elsewhere, over TLS that is verified: with limits, and never from this machine or the cloud's own. */
import { lookup as resolve } from 'node:dns';
import { request } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Fetched, OutboundGate } from './outbound.ts';

/** Milliseconds for all of it. */
export const FETCH_TIMEOUT: number = 5_000;
/** Most bytes of it. */
export const MAX_FETCHED_BYTES: number = 512 * 1024;

export function fetchText({ url, ca, post }: Fetched, gate: OutboundGate): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  const port = Number(new URL(url).port || 443);
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const barred = isIP(host) === 0 ? undefined : gate(host, port);
  if (barred !== undefined) return Promise.reject(new Error(`${host} ${barred}`));
  const asked = request(url, {
    agent: false,
    lookup: guarded(gate, port),
    method: post === undefined ? 'GET' : 'POST',
    headers: { accept: '*/*', ...post?.headers },
    ...(ca ? { ca } : {}),
  });
  const timer = setTimeout(() => asked.destroy(new Error(`no answer in ${FETCH_TIMEOUT} ms`)), FETCH_TIMEOUT);
  timer.unref();
  asked.on('socket', (socket) => socket.unref());
  asked.on('close', () => {
    clearTimeout(timer);
    reject(new Error('the connection ended before its time'));
  });
  asked.on('error', reject);
  asked.on('response', (answer) => {
    if (answer.statusCode !== 200) {
      asked.destroy(new Error(`the answer is ${answer.statusCode}`));
      return;
    }
    const parts: Buffer[] = [];
    let bytes = 0;
    answer.on('data', (part: Buffer) => {
      bytes += part.length;
      parts.push(part);
      if (bytes > MAX_FETCHED_BYTES) asked.destroy(new Error(`the answer has more than ${MAX_FETCHED_BYTES} bytes`));
    });
    answer.on('end', () => {
      if (answer.complete) done(Buffer.concat(parts).toString('utf8'));
    });
    answer.on('error', reject);
  });
  asked.end(post?.body);
  return promise;
}

/** Of the addresses of a name those that nothing speaks against. */
function guarded(gate: OutboundGate, port: number): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, []);
      const sound = addresses.filter(({ address }) => gate(address, port) === undefined);
      const [first] = sound;
      if (first === undefined) {
        const why = addresses.map(({ address }) => `${address} ${gate(address, port)}`).join(', ');
        return callback(new Error(`${hostname} leads to no address that may be asked: ${why}`), []);
      }
      if (options.all) callback(null, sound);
      else callback(null, first.address, first.family);
    });
  };
}
