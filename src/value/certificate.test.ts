import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { issued } from './certificate.ts';

const HOUR = 60 * 60 * 1000;
const times = { from: new Date(Date.now() - HOUR), until: new Date(Date.now() + HOUR) };

test('what an authority signed is taken by TLS for its names, where the authority is trusted', async () => {
  const authority = await issued({ name: 'one', dns: [], use: 'authority', ...times });
  const other = await issued({ name: 'two', dns: [], use: 'authority', ...times });
  const leaf = await issued({ name: 'leaf', dns: ['a.test', 'b.test'], use: 'server', ...times }, authority);
  const read = new X509Certificate(leaf.certificate);
  expect(read.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
  expect(read.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
  expect(read.checkPrivateKey(createPrivateKey(leaf.privateKey))).toBe(true);
  expect([read.subject, read.issuer, read.ca]).toEqual(['CN=leaf', 'CN=one', false]);
  const server = createServer({ cert: leaf.certificate, key: leaf.privateKey }, (socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answer = async (ca: string, servername: string): Promise<string> => {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, ca, servername });
    return once(socket, 'secureConnect')
      .then(
        () => 'taken',
        ({ code }: { code: string }) => code,
      )
      .finally(() => socket.destroy());
  };
  expect(await answer(authority.certificate, 'b.test')).toBe('taken');
  expect(await answer(other.certificate + authority.certificate, 'a.test')).toBe('taken');
  expect(await answer(authority.certificate, 'c.test')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  expect(await answer(other.certificate, 'a.test')).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  server.close();
});
