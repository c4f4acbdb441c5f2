/**
 * What the gateway forwards is read by nginx and by HAProxy as exactly the request that the gateway read: every
 * accepted smuggling form goes through the gateway to the real server, which says what it understood.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ARENA } from '../../src/proxy/ground/arena.ts';
import { HeadTable } from '../../src/proxy/ground/head.ts';
import { ChunkDecoder } from '../../src/proxy/http/h1/chunk.ts';
import { parseRequestHead } from '../../src/proxy/http/h1/parse.ts';
import { SMUGGLING_FORMS } from '../../src/proxy/http/h1/smuggling.suite.ts';
import { freePort } from '../cli/daemun-process.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend, type TestBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

/** What a request is, as one of the parties reads it. */
interface Reading {
  method: string;
  target: string;
  host: string;
  body: number;
}

/** A server that passes requests on to `origin`, so that what it read shows in what it writes. */
interface Peer {
  name: string;
  arguments(folder: string, ports: { own: number; origin: number }): string[];
}

const NGINX: Peer = {
  name: 'nginx',
  arguments(folder, { own, origin }) {
    const config = join(folder, 'nginx.conf');
    writeFileSync(
      config,
      `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events {}
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  merge_slashes off; underscores_in_headers on; ignore_invalid_headers off;
  server {
    listen 127.0.0.1:${own};
    location / {
      proxy_pass http://127.0.0.1:${origin};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Read-Requests $connection_requests;
    }
  }
}
`,
    );
    return ['-p', folder, '-c', config];
  },
};

const HAPROXY: Peer = {
  name: 'haproxy',
  arguments(folder, { own, origin }) {
    const config = join(folder, 'haproxy.cfg');
    writeFileSync(
      config,
      `defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 2s
listen all
  bind 127.0.0.1:${own}
  server origin 127.0.0.1:${origin}
`,
    );
    return ['-db', '-f', config];
  },
};

/** Resolves once somebody listens there. */
async function listens(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket = net.connect(port, '127.0.0.1');
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (connected) return;
  }
  throw new Error(`it ended with ${child.exitCode}`);
}

/** As the gateway's own parser reads a form. */
function readingOf(raw: string): Reading {
  const at = 16;
  const end = at + ARENA.latin1Write(raw, at);
  const head = parseRequestHead(at, end, new HeadTable());
  if (typeof head === 'number') throw new Error(`not a head: ${raw}`);
  const absolute = head.targetStart !== head.pathStart;
  const query = head.queryEnd > 0 ? `?${ARENA.latin1Slice(head.queryStart, head.queryEnd)}` : '';
  const target = absolute ? head.path() + query : ARENA.latin1Slice(head.targetStart, head.targetEnd);
  const reading = {
    method: head.method(),
    target,
    host: ARENA.latin1Slice(head.authorityStart, head.authorityEnd),
    body: Math.max(0, head.contentLength),
  };
  if (head.chunked) {
    const decoder = new ChunkDecoder();
    decoder.feed(head.end, end, {
      onData(from, to) {
        reading.body += to - from;
      },
    });
  }
  return reading;
}

/** Forms that this peer refuses by rules of its own: then nothing is read otherwise, since nothing is read. */
const REFUSALS = [400, 405, 501];

describe.each([NGINX, HAPROXY])('$name', (peer) => {
  const missing = spawnSync(peer.name, ['-v']).error !== undefined;
  let folder: string;
  let origin: TestBackend;
  let child: ChildProcess;
  let rig: Rig;
  let read: Reading[] = [];

  beforeAll(async () => {
    if (missing) return;
    folder = mkdtempSync(join(tmpdir(), `daemun-${peer.name}-`));
    origin = await httpBackend(
      (request, response) => {
        let body = 0;
        request.on('data', (chunk: Buffer) => {
          body += chunk.length;
        });
        request.on('end', () => {
          read.push({ method: request.method!, target: request.url!, host: request.headers.host ?? '', body });
          response.end('ok');
        });
      },
      { insecureHTTPParser: true },
    );
    const own = await freePort();
    child = spawn(peer.name, peer.arguments(folder, { own, origin: origin.port }), { stdio: 'ignore' });
    await listens(own, child);
    rig = await serveManifests(manifests([HTTP], httpRoute('all', [backendRefs('one')]), service('one')), {
      endpoints: [endpointsOf('one', own)],
    });
  });

  afterAll(async () => {
    if (missing) return;
    await rig.close();
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    await origin.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const accepted = SMUGGLING_FORMS.filter(({ verdict }) => verdict === 'accepted');

  test.each(accepted)('reads as we do: $name', async (form) => {
    if (missing) {
      console.log(`skipped: ${peer.name} is not installed`);
      return;
    }
    read = [];
    const expected = readingOf(form.raw);
    const client = await rawClient(rig.port());
    const [response] = await client.ask(form.raw);
    client.close();
    if (REFUSALS.includes(response!.status)) {
      // Methods that it does not know, and names that are none by its rules.
      expect(form.name).toMatch(/method|IPv6|bytes above|asterisk/);
      expect(read).toEqual([]);
      return;
    }
    expect(response!.status, readFileSync(join(folder, 'error.log'), { encoding: 'utf8', flag: 'a+' })).toBe(200);
    expect(read).toHaveLength(1);
    const [seen] = read;
    expect({ ...seen, host: seen!.host.toLowerCase() }).toEqual({
      ...expected,
      host: expected.host === '' ? expect.stringMatching(/^127\.0\.0\.1:\d+$/) : expected.host.toLowerCase(),
    });
  });
});
