/** The guide of signed requests (AWS Signature Version 4): what a client signs is what the backend gets. */
import { createHash, createHmac } from 'node:crypto';
import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stepsOf } from '../guides/page.ts';
import { httpBackend, type TestBackend } from './raw-backend.ts';
import { type Rig, serveManifests } from './rig.ts';

const SECRET = 'wJalrXUtnFEMI';
const SCOPE = '20261130/us-east-1/s3/aws4_request';
const SIGNED = ['host', 'x-amz-content-sha256', 'x-amz-date'];

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

interface Signable {
  method: string;
  /** Path and query as they are on the wire. */
  url: string;
  headers: http.IncomingHttpHeaders;
}

/** Of S3 the path is signed as it is written, and the query sorted. */
function signatureOf({ method, url, headers }: Signable): string {
  const [path = '', query = ''] = url.split('?');
  const lines = SIGNED.map((name) => `${name}:${String(headers[name])}\n`).join('');
  const sorted = query.split('&').sort().join('&');
  const canonical = [method, path, sorted, lines, SIGNED.join(';'), headers['x-amz-content-sha256']].join('\n');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], SCOPE, sha256(canonical)].join('\n');
  const key = SCOPE.split('/').reduce<string | Buffer>(
    (last, part) => createHmac('sha256', last).update(part).digest(),
    `AWS4${SECRET}`,
  );
  return createHmac('sha256', key).update(text).digest('hex');
}

let store: TestBackend;
let rig: Rig;
let guide = '';

beforeAll(async () => {
  store = await httpBackend(async (request, answer) => {
    const body = await buffer(request);
    const { method = '', url = '', headers } = request;
    const right =
      headers.authorization?.endsWith(`Signature=${signatureOf({ method, url, headers })}`) === true &&
      headers['x-amz-content-sha256'] === sha256(body);
    answer.writeHead(right ? 200 : 403).end(right ? url : 'SignatureDoesNotMatch');
  });
  const file = stepsOf('docs/guides/protocols.md').find((step) => step.type === 'file' && step.name === 's3.yaml');
  guide = file?.type === 'file' ? file.content : '';
  rig = await serveManifests(guide, { endpoints: [`infra/minio:9000=127.0.0.1:${store.port}`] });
});

afterAll(async () => {
  await rig.close();
  await store.close();
});

function ask(method: string, url: string, body = ''): Promise<number> {
  const headers = {
    host: `s3.example.com:${rig.port()}`,
    'x-amz-content-sha256': sha256(body),
    'x-amz-date': '20261130T120000Z',
  };
  const signature = signatureOf({ method, url, headers });
  const authorization = `AWS4-HMAC-SHA256 Credential=AKID/${SCOPE}, SignedHeaders=${SIGNED.join(';')}, Signature=${signature}`;
  return new Promise((resolve, reject) => {
    const to = { port: rig.port(), host: '127.0.0.1', method, path: url, agent: false };
    const request = http.request({ ...to, headers: { ...headers, authorization } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode!);
    });
    request.on('error', reject);
    request.end(body);
  });
}

const KEYS = ['/bucket/a//b', '/bucket/%7Ejoe', '/bucket/a%2fb', '//bucket/x'];

test.each([
  ...KEYS,
  '/bucket/plain',
  '/bucket/a%20b%2Bc/%E2%82%AC',
  '/bucket?list-type=2&prefix=a%2Fb&delimiter=%2f',
  '/bucket/key?uploads',
])('%s is what was signed', async (url) => {
  expect(await ask('GET', url)).toBe(200);
  expect(await ask('PUT', url, 'x'.repeat(100_000))).toBe(200);
});

test('without Keep some keys are not', async () => {
  await rig.write(guide.replace('pathForm: Keep', 'pathForm: Normalize'));
  for (const key of KEYS) expect(await ask('GET', key)).toBe(403);
  expect(await ask('GET', '/bucket/plain')).toBe(200);
  await rig.write(guide);
});
