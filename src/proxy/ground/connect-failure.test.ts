import { expect, test } from 'vitest';
import { connectFailure } from './connect-failure.ts';

test.each([
  [undefined, 'closed_early'],
  ['ECONNREFUSED', 'connect_refused'],
  ['EHOSTUNREACH', 'connect_refused'],
  ['ECONNRESET', 'connect_refused'],
  ['EACCES', 'connect_refused'],
  ['ERR_SOCKET_CLOSED_BEFORE_CONNECTION', 'connect_refused'],
  ['ETIMEDOUT', 'connect_timeout'],
  ['EMFILE', 'limit'],
  ['EADDRNOTAVAIL', 'limit'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls_failed'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_failed'],
  ['CERT_HAS_EXPIRED', 'tls_failed'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_failed'],
])('%s is %s', (code, failure) => {
  expect(connectFailure(code === undefined ? undefined : Object.assign(new Error('no'), { code }))).toBe(failure);
});
