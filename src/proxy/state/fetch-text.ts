/** A text from a server elsewhere, over TLS that is verified: with limits, and never from this machine or the cloud's own. */
import { request } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { MAX_INFORMATIONAL_HEADS } from '../ground/codec.ts';
import { type NameAsker, policyAddresses } from '../names/index.ts';
import type { Fetched, OutboundGate } from './outbound.ts';

/** Milliseconds for all of it. */
export const FETCH_TIMEOUT: number = 5_000;
/** Most bytes of it. */
export const MAX_FETCHED_BYTES: number = 512 * 1024;

interface Fetching {
  gate: OutboundGate;
  /** Namespace: names are looked up in its turn. */
  tenant: string;
  /** Milliseconds. */
  timeout: number;
}

export function fetchText({ url, ca, post }: Fetched, { gate, tenant, timeout }: Fetching): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  const port = Number(new URL(url).port || 443);
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const barred = isIP(host) === 0 ? undefined : gate(host, port);
  if (barred !== undefined) return Promise.reject(new Error(`${host} ${barred}`));
  let over = false;
  const asked = request(url, {
    agent: false,
    lookup: guarded(gate, port, { tenant, isWaiting: () => !over }),
    method: post === undefined ? 'GET' : 'POST',
    headers: { accept: '*/*', ...post?.headers },
    ...(ca ? { ca } : {}),
  });
  const timer = setTimeout(() => asked.destroy(new Error(`no answer in ${FETCH_TIMEOUT} ms`)), timeout);
  timer.unref();
  asked.on('socket', (socket) => socket.unref());
  asked.on('close', () => {
    over = true;
    clearTimeout(timer);
    reject(new Error('the connection ended before its time'));
  });
  asked.on('error', reject);
  let heads = 0;
  asked.on('information', () => {
    if (++heads > MAX_INFORMATIONAL_HEADS) asked.destroy(new Error('there is no answer behind its heads of 1xx'));
  });
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
function guarded(gate: OutboundGate, port: number, asker: NameAsker): LookupFunction {
  return (hostname, options, callback) => {
    policyAddresses(hostname, asker).then(
      (addresses) => {
        const sound = addresses
          .filter((address) => gate(address, port) === undefined)
          .map((address) => ({ address, family: isIP(address) }));
        const [first] = sound;
        if (first === undefined) {
          const why = addresses.map((address) => `${address} ${gate(address, port)}`).join(', ');
          return callback(new Error(`${hostname} leads to no address that may be asked: ${why}`), []);
        }
        if (options.all) callback(null, sound);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
}
