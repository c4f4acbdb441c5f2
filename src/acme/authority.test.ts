import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { axios } from 'acme-client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  AcmeAuthority,
  boundRequests,
  MAX_AUTHORITY_ANSWER,
  MAX_AUTHORITY_REDIRECTS,
  ORDER_TIMEOUT,
} from './authority.ts';
import type { CertificateFolder } from './certificate-folder.ts';
import type { ChallengeBoard } from './challenge-board.ts';

let authority: http.Server;
let url = '';

beforeAll(async () => {
  authority = http.createServer(({ url: path }, answer) => {
    const length = Number(/^\/long\/(\d+)/.exec(path!)?.[1] ?? 0);
    if (length > 0) answer.end('x'.repeat(length));
    else if (path === '/patience') answer.writeHead(503, { 'retry-after': '86400' }).end();
    else if (path === '/circle') answer.writeHead(302, { location: '/circle' }).end();
    else if (path === '/slow') {
      const timer = setInterval(() => answer.write('x'), 20);
      answer.on('close', () => clearInterval(timer));
    } else answer.end('{}');
  });
  authority.listen(0, '127.0.0.1');
  await once(authority, 'listening');
  url = `http://127.0.0.1:${(authority.address() as AddressInfo).port}`;
  Object.assign(axios.defaults, { acmeSettings: { retryMaxAttempts: 0 } });
  boundRequests(axios, 500);
});

afterAll(() => {
  authority.closeAllConnections();
  authority.close();
});

test('an answer of the authority may be so long, and no longer', async () => {
  expect((await axios.get(`${url}/long/${MAX_AUTHORITY_ANSWER}`)).data).toHaveLength(MAX_AUTHORITY_ANSWER);
  await expect(axios.get(`${url}/long/${MAX_AUTHORITY_ANSWER + 1}`)).rejects.toThrow(/exceeded/);
});

test('an authority that is never silent and never done is given up', async () => {
  await expect(axios.get(`${url}/slow`)).rejects.toThrow(/canceled|aborted/);
});

test('what went wrong is said where there is no answer', async () => {
  await expect(axios.get('http://127.0.0.1:1/')).rejects.toThrow(/ECONNREFUSED/);
});

test('an authority that leads elsewhere is followed over https alone, and not for ever', async () => {
  await expect(axios.get(`${url}/circle`)).rejects.toThrow(/is no https/);
  expect(axios.defaults.maxRedirects).toBe(MAX_AUTHORITY_REDIRECTS);
});

test('an authority that asks for patience keeps nobody for a day', async () => {
  Object.assign(axios.defaults, { acmeSettings: { retryMaxAttempts: 5, retryDefaultDelay: 5 } });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const folder = { accountKey: () => Promise.resolve(undefined), saveAccountKey: () => Promise.resolve() };
  const asked = once(authority, 'request');
  const settings = { directory: `${url}/patience` };
  const source = new AcmeAuthority(settings, folder as unknown as CertificateFolder, {} as ChallengeBoard);
  const obtained = source.obtain('a.example', 'http-01').catch((error: Error) => error.message);
  await asked;
  // Its answer comes in a later turn.
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
  await vi.advanceTimersByTimeAsync(ORDER_TIMEOUT);
  expect(await obtained).toBe('the authority gave none in 10 minutes');
  vi.useRealTimers();
});
