/** PostgreSQL's own client and server with a TCPRoute between them. */

import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../cli/daemun-process.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { findTool, type Run, succeed } from './tool.ts';

/** PostgreSQL refuses to run as root; Debian's nobody. */
const NOBODY = 65_534;
const VERSIONS = '/usr/lib/postgresql';

const pgCtl = findTool('pg_ctl', 'postgresql', debianPlaces());
const psql = findTool('psql', 'postgresql-client', debianPlaces());
const there = pgCtl !== undefined && psql !== undefined;
let folder: string;
let rig: Rig;

/** Debian keeps the server's programs by version. */
function debianPlaces(): string[] {
  try {
    return readdirSync(VERSIONS).map((version) => join(VERSIONS, version, 'bin'));
  } catch {
    return [];
  }
}

function asServer(args: string[]): Promise<Run> {
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  return succeed(pgCtl!, ['-D', join(folder, 'data'), ...args], { cwd: folder, ...user });
}

beforeAll(async () => {
  if (!there) return;
  folder = mkdtempSync(join(tmpdir(), 'daemun-postgres-'));
  if (process.getuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
  const port = await freePort();
  await asServer(['initdb', '-s', '-o', '--auth=trust --username=daemun --no-sync']);
  const settings = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c fsync=off`;
  await asServer(['start', '-w', '-s', '-l', join(folder, 'log'), '-o', settings]);
  const manifests = [
    gateway([{ name: 'database', port: 5432, protocol: 'TCP' }]),
    route('TCPRoute', 'database', { rules: [{ backendRefs: [{ name: 'database', port: 5432 }] }] }),
    service('database', 5432),
  ];
  rig = await serveManifests(manifests.join(''), {
    ports: [5432],
    endpoints: [`default/database:5432=127.0.0.1:${port}`],
  });
}, 120_000);

afterAll(async () => {
  if (!there) return;
  await rig.close();
  await asServer(['stop', '-w', '-s', '-m', 'fast']);
  rmSync(folder, { recursive: true, force: true });
});

describe.runIf(there)('psql', () => {
  async function query(sql: string, input?: string): Promise<string> {
    const to = ['-h', '127.0.0.1', '-p', String(rig.port(5432)), '-U', 'daemun', '-d', 'postgres'];
    const { stdout } = await succeed(psql!, ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...to, '-c', sql], { input });
    return stdout.trim();
  }

  test('asks and is answered', async () => {
    expect(await query('select 6 * 7')).toBe('42');
  });

  test('gets a long answer', async () => {
    const answer = await query("select repeat('x', 1000) from generate_series(1, 5000)");
    expect(answer.split('\n')).toHaveLength(5000);
  });

  test('sends a long table', async () => {
    await query('create table words (id int, word text)');
    const rows = Array.from({ length: 50_000 }, (_, i) => `${i}\t${'word'.repeat(10)}\n`);
    await query('copy words from stdin', rows.join(''));
    expect(await query('select count(*), max(id) from words')).toBe('50000|49999');
  });

  test('many at a time', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => query(`select pg_sleep(0.1), ${i}`)));
    expect(answers).toEqual(answers.map((_, i) => `|${i}`));
  });
});
