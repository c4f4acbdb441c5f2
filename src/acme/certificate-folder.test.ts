import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Authority } from '../../test/tls/authority.ts';
import { CertificateFolder } from './certificate-folder.ts';

const DIRECTORY = 'https://ca.example.com/acme/directory';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'daemun-folder-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test('what is stored comes back, for the owner alone, and each authority has its own', async () => {
  const authority = await Authority.make('folder');
  const folder = new CertificateFolder(root, DIRECTORY);
  const pair = await authority.sign({ dns: ['shop.example.com'] });
  await folder.save('shop.example.com', pair);
  await folder.saveAccountKey('key');
  expect(readdirSync(folder.path).sort()).toEqual(['account.key', 'shop.example.com.pem']);
  expect(readdirSync(folder.path).map((name) => modeOf(join(folder.path, name)))).toEqual([0o600, 0o600]);
  expect(modeOf(folder.path)).toBe(0o700);
  const loaded = await folder.load('shop.example.com');
  expect(loaded?.certificate.trim()).toBe(pair.certificate.trim());
  expect(loaded?.privateKey.trim()).toBe(pair.privateKey.trim());
  const other = new CertificateFolder(root, 'https://staging.example.com/acme/directory');
  expect([await other.load('shop.example.com'), await other.accountKey()]).toEqual([undefined, undefined]);
});

test('what others could read is closed to them, and what cannot be used is as if it were not there', async () => {
  const authority = await Authority.make('folder');
  const folder = new CertificateFolder(root, DIRECTORY);
  await folder.save('shop.example.com', await authority.sign({ dns: ['other.example.com'] }));
  const path = join(folder.path, 'shop.example.com.pem');
  chmodSync(path, 0o644);
  expect(await folder.load('shop.example.com')).toBeUndefined();
  expect(modeOf(path)).toBe(0o600);
  writeFileSync(path, 'half a fi');
  expect(await folder.load('shop.example.com')).toBeUndefined();
});
