import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AccessError, clusterAccess } from './index.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daemun-access-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function kubeconfig(name: string, content: object): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, JSON.stringify(content));
  return path;
}

const config = (user: object, cluster: object = {}): object => ({
  'current-context': 'one',
  contexts: [{ name: 'one', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
  clusters: [{ name: 'c', cluster: { server: 'https://cluster.test:6443', ...cluster } }],
  users: [{ name: 'u', user }],
});

describe('access by kubeconfig', () => {
  test('takes server, authority, namespace and token of the current context', async () => {
    const authority = Buffer.from('PEM').toString('base64');
    const path = await kubeconfig('a', config({ token: 'secret' }, { 'certificate-authority-data': authority }));
    const access = await clusterAccess({ kubeconfig: path });
    expect(access).toMatchObject({ ca: 'PEM', namespace: 'shop', name: 'one', insecure: false });
    expect(access.server.href).toBe('https://cluster.test:6443/');
    expect(await access.authorization?.()).toBe('Bearer secret');
  });

  test('reads files beside the kubeconfig, and a token file anew', async () => {
    await writeFile(join(folder, 'cert.pem'), 'CERT');
    await writeFile(join(folder, 'key.pem'), 'KEY');
    const path = await kubeconfig('a', config({ 'client-certificate': 'cert.pem', 'client-key': 'key.pem' }));
    expect(await clusterAccess({ kubeconfig: path })).toMatchObject({ certificate: 'CERT', key: 'KEY' });
    await writeFile(join(folder, 'token'), 'from-file\n');
    const other = await kubeconfig('b', config({ tokenFile: 'token' }));
    expect(await (await clusterAccess({ kubeconfig: other })).authorization?.()).toBe('Bearer from-file');
  });

  test('joins the files of KUBECONFIG; the first that names a thing counts', async () => {
    const first = await kubeconfig('a', { 'current-context': 'two' });
    const second = await kubeconfig('b', {
      ...config({ token: 't' }),
      contexts: [{ name: 'two', context: { cluster: 'c', user: 'u' } }],
    });
    const access = await clusterAccess({ env: { KUBECONFIG: `${first}:${second}` } });
    expect(access).toMatchObject({ name: 'two', namespace: 'default' });
  });

  test('runs a credential plugin, and repeats nothing of what it prints', async () => {
    const plugin = join(folder, 'plugin');
    const status = { token: 'of-plugin', expirationTimestamp: '2999-01-01T00:00:00Z' };
    await writeFile(plugin, `#!/bin/sh\necho '${JSON.stringify({ kind: 'ExecCredential', status })}'\n`);
    await chmod(plugin, 0o755);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin' };
    const access = await clusterAccess({ kubeconfig: await kubeconfig('a', config({ exec })) });
    expect(await access.authorization?.()).toBe('Bearer of-plugin');
    await writeFile(plugin, '#!/bin/sh\necho planted-secret\n');
    const failed = clusterAccess({ kubeconfig: await kubeconfig('b', config({ exec })) });
    await expect(failed).rejects.toThrow(AccessError);
    await expect(failed).rejects.not.toThrow('planted-secret');
  });

  test('says of a credential plugin that is not installed how it is had', async () => {
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'no-such-plugin' };
    const asked = async (more: object): Promise<unknown> =>
      clusterAccess({ kubeconfig: await kubeconfig('a', config({ exec: { ...exec, ...more } })) });
    await expect(asked({})).rejects.toThrow('no-such-plugin of the kubeconfig is not installed: install it');
    await expect(asked({ installHint: 'get it at example.com\n' })).rejects.toThrow(
      'not installed: get it at example.com',
    );
  });

  test.each([
    ['no such file', { kubeconfig: '/nonexistent/config' }, '/nonexistent/config'],
    ['no context', {}, 'there is no current-context; name one with --context'],
  ])('says what is wrong: %s', async (_, given, message) => {
    const path = await kubeconfig('a', { contexts: [] });
    await expect(clusterAccess({ kubeconfig: path, ...given })).rejects.toThrow(message);
  });

  test('names the context that is missing', async () => {
    const path = await kubeconfig('a', config({ token: 't' }));
    await expect(clusterAccess({ kubeconfig: path, context: 'other' })).rejects.toThrow(
      'contexts has no context "other"',
    );
  });
});
