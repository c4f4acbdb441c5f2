import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';
import { type Ask, checkAsk } from '../ask.ts';
import { type Case, expectAsk } from '../case.ts';
import { exchange } from '../client.ts';
import { eventually, type Scene, settled } from '../scene.ts';

const MODIFIED: Pick<Ask, 'headers' | 'arrives'> = {
  headers: { 'X-Header-Remove': 'remove-val', 'X-Header-Add-Append': 'append-val-1' },
  arrives: {
    headers: {
      'X-Header-Add': 'header-val-1',
      'X-Header-Add-Append': 'append-val-1,header-val-2',
      'X-Header-Set': 'set-overwrites-values',
    },
    absent: ['X-Header-Remove'],
  },
};

/** One request, which each of the mirrors sees as well. */
async function mirrored(scene: Scene, ask: Ask, mirrors: string[]): Promise<void> {
  const path = `${ask.path}?id=${mirrors.length}${ask.path.length}`;
  await checkAsk(scene, 'same-namespace', { ...ask, path, to: 'infra-backend-v1' });
  for (const mirror of mirrors) {
    await eventually(() => ok(scene.received(mirror).includes(path), `${mirror} saw no ${path}`));
  }
}

const SAMPLE = 500;
// Chance must not fail a run: five standard deviations do it once in a million.
const DEVIATIONS = 5;

/** 500 requests, of which the mirror sees this share. */
async function sampled(scene: Scene, path: string, share: number): Promise<void> {
  const place = scene.place('same-namespace', 80);
  const before = scene.received('infra-backend-v1').length;
  for (let sent = 0; sent < SAMPLE; sent += 10) {
    await Promise.all(Array.from({ length: 10 }, () => exchange({ ...place, path, headers: MODIFIED.headers })));
  }
  equal(scene.received('infra-backend-v1').length - before, SAMPLE);
  const seen = await settled(() => scene.received('infra-backend-v2').filter((one) => one === path).length);
  const margin = DEVIATIONS * Math.sqrt(SAMPLE * share * (1 - share));
  ok(Math.abs(seen - SAMPLE * share) <= margin, `${seen} of ${SAMPLE} mirrored, not ${share}`);
}

/** What attempts the backend fails, with what, and what comes of it. */
interface Failures {
  with: number;
  times: number;
  /** Of failures and of the answer, as query parameters. */
  delays?: string;
}

function retried(codes: string, failures: Failures, status: number): Ask {
  const { with: code, times, delays = '' } = failures;
  const query = `uuid=${codes}-${code}-${times}&responseCode=${code}&succeedAfter=${times}${delays}`;
  const path = `/retry/${codes}?${query}`;
  return status === 200 ? { path, to: 'infra-backend-v3' } : { path, status: [status] };
}

const THREE = 'code-500-attempts-3';
const TWO = 'code-all-attempts-2';

function timed(test: string, route: string, kind: string): Case {
  return {
    test,
    served: [`HTTPRoute ${route}`],
    standIns: true,
    asks: [`/${kind} > v1`, `/${kind}?delay=1s > 504`, `/disable-${kind}?delay=1s > v1`],
  };
}

const BOTH = ['infra-backend-v2', 'infra-backend-v3'];

/** HTTPRoute: protocols to backends, timeouts, retries and mirrors. */
export const HTTP_TRAFFIC: Case[] = [
  timed('HTTPRouteTimeoutBackendRequest', 'backend-request-timeout', 'backend-timeout'),
  timed('HTTPRouteTimeoutRequest', 'request-timeout', 'request-timeout'),
  {
    test: 'HTTPRouteRetry',
    served: ['HTTPRoute retries'],
    standIns: true,
    asks: [
      retried(THREE, { with: 500, times: 2 }, 200),
      retried(THREE, { with: 500, times: 4 }, 500),
      retried(THREE, { with: 503, times: 2 }, 503),
      ...[500, 502, 503, 504].flatMap((code) => [
        retried(TWO, { with: code, times: 1 }, 200),
        retried(TWO, { with: code, times: 3 }, code),
      ]),
    ],
  },
  {
    test: 'HTTPRouteRetry',
    only: 'v1.7.0',
    served: ['HTTPRoute retries'],
    standIns: true,
    asks: [500, 502, 503, 504].map((code) => retried('code-all-attempts-0', { with: code, times: 1 }, code)),
  },
  {
    test: 'HTTPRouteRetryWithRequestTimeout',
    served: ['HTTPRoute retries-with-timeouts'],
    standIns: true,
    asks: [
      retried('request-timeout-500ms', { with: 500, times: 1 }, 200),
      retried('request-timeout-500ms', { with: 500, times: 2, delays: '&delayRetry=300ms' }, 504),
    ],
  },
  {
    test: 'HTTPRouteRetryWithBackendTimeout',
    served: ['HTTPRoute retries-with-timeouts'],
    standIns: true,
    asks: [
      retried('backend-timeout-500ms', { with: 500, times: 2, delays: '&delayRetry=100ms&delay=100ms' }, 200),
      retried('backend-timeout-500ms', { with: 500, times: 1, delays: '&delay=1s' }, 504),
    ],
  },
  {
    test: 'HTTPRouteRetryConnectionError',
    served: ['HTTPRoute retries-connection-error'],
    standIns: true,
    asks: Array.from({ length: 10 }, () => '/retry-on-connection-errors > infra-backend-connection-error-healthy'),
  },
  {
    test: 'HTTPRouteRequestMirror',
    served: ['HTTPRoute request-mirror'],
    standIns: true,
    async prove(scene) {
      await mirrored(scene, { path: '/mirror' }, ['infra-backend-v2']);
      await mirrored(scene, { path: '/mirror-and-modify-headers', ...MODIFIED }, ['infra-backend-v2']);
    },
  },
  {
    test: 'HTTPRouteRequestMultipleMirrors',
    served: ['HTTPRoute request-multiple-mirrors'],
    standIns: true,
    async prove(scene) {
      await mirrored(scene, { path: '/multi-mirror' }, BOTH);
      await mirrored(scene, { path: '/multi-mirror-and-modify-request-headers', ...MODIFIED }, BOTH);
    },
  },
  {
    test: 'HTTPRouteRequestPercentageMirror',
    served: ['HTTPRoute request-percentage-mirror'],
    standIns: true,
    asks: [{ path: '/percent-mirror-and-modify-headers', ...MODIFIED, to: 'infra-backend-v1' }],
    async prove(scene) {
      await sampled(scene, '/percent-mirror?sampled', 0.2);
      await sampled(scene, '/percent-mirror-fraction?sampled', 0.5);
      await sampled(scene, '/percent-mirror-and-modify-headers?sampled', 0.35);
    },
  },
  {
    test: 'HTTPRouteBackendProtocolH2C',
    served: ['HTTPRoute backend-protocol-h2c'],
    async prove(scene, { on }) {
      const ask: Ask = { path: '/', http2: true, to: 'infra-backend-v1' };
      await expectAsk(scene, on, ask);
      const { body } = await checkAsk(scene, on, ask);
      equal(JSON.parse(body).protocol, 'HTTP/2');
    },
  },
  {
    test: 'HTTPRouteBackendProtocolWebSocket',
    served: ['HTTPRoute backend-protocol-ws'],
    async prove(scene, { on }) {
      const { address, port } = scene.place(on, 80);
      const socket = new WebSocket(`ws://${address}:${port}/ws`);
      await once(socket, 'open');
      for (const sent of ['a text message', Buffer.of(1, 2, 3, 4, 5, 6, 7)]) {
        const back = once(socket, 'message');
        socket.send(sent);
        const [data, binary] = (await back) as [Buffer, boolean];
        deepEqual([data.toString('hex'), binary], [Buffer.from(sent).toString('hex'), typeof sent !== 'string']);
      }
      socket.terminate();
    },
  },
];
