import { describe, expect, test } from 'vitest';
import { ApiError, type ClusterAccess } from '../sources/cluster/index.ts';
import { clusterFault, isLasting } from './cluster-fault.ts';

const ACCESS: ClusterAccess = { server: new URL('https://10.0.0.1:6443'), namespace: 'default', name: 'shop' };
const denied = new ApiError(403, { reason: 'Forbidden', message: 'alice may not' });
const unknown = new ApiError(401, { reason: 'Unauthorized', message: 'Unauthorized' });
const failing = (code: string, message = code): Error => Object.assign(new Error(message), { code });
const fault = (faults: Record<string, Error>, access: Partial<ClusterAccess> = {}): string | undefined =>
  clusterFault(new Map(Object.entries(faults)), { ...ACCESS, ...access });

describe('why a cluster cannot be read', () => {
  test('is all rights that are missing, and which way there is without them', () => {
    const told = fault({ 'Secret/': denied, 'Gateway/': denied });
    expect(told).toContain(
      'may not list Gateway, Secret in all namespaces (alice may not): grant it get, list and watch',
    );
    expect(told).toContain('name the namespaces that it may read with -n');
    expect(fault({ 'Secret/shop': denied })).toBe(
      'this account may not list Secret in namespace shop (alice may not): grant it get, list and watch on them',
    );
    expect(fault({ 'GatewayClass/': denied, 'Secret/shop': denied })).toMatch(
      /GatewayClass in all namespaces; Secret in namespace shop/,
    );
  });

  test('is who asks, before all else', () => {
    const told = fault({ 'Secret/': denied, cluster: unknown });
    expect(told).toMatch(/^the API server https:\/\/10\.0\.0\.1:6443 does not know who asks \(401 Unauthorized\): /);
    expect(told).toContain('--context');
  });

  test.each([
    [failing('CERT_HAS_EXPIRED'), /certificate that has ended: renew it there, or look at this machine's clock/],
    [failing('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), /did not sign .*: give its authority in the kubeconfig/],
    [failing('ERR_TLS_CERT_ALTNAME_INVALID'), /for another name .*tls-server-name of the kubeconfig/],
    [
      failing('ENOTFOUND', 'getaddrinfo ENOTFOUND k8s'),
      /\(context shop\) cannot be reached: getaddrinfo ENOTFOUND k8s/,
    ],
    [failing('ECONNREFUSED', 'connect ECONNREFUSED'), /cannot be reached: connect ECONNREFUSED; is it up/],
  ])('is the connection: %s', (error, message) => {
    expect(fault({ cluster: error })).toMatch(message);
  });

  test('is nothing where nothing is wrong', () => expect(fault({})).toBeUndefined());
});

test('what comes by waiting is waited for, and all else is not', () => {
  const lasting = [denied, unknown, failing('CERT_HAS_EXPIRED'), failing('ENOTFOUND')];
  expect(lasting.map(isLasting)).toEqual([true, true, true, true]);
  const passing = [failing('ECONNREFUSED'), failing('ETIMEDOUT'), new ApiError(503, { reason: '', message: 'busy' })];
  expect(passing.map(isLasting)).toEqual([false, false, false]);
});
