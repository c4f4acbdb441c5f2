/** Whoever guards ask, as they should be: each behind a relay of the case that asks it. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { REDIS_IS_HERE, startRedis } from '../../src/proxy/redis/redis-server.fixture.ts';
import { GrpcAuth, HttpAuth } from '../policies/auth-service.ts';
import type { PeerName } from './guard.ts';
import { MATERIAL } from './material.ts';

/** Who may pass says so in this line. */
export const PASS = 'x-pass';

export class Peers {
  readonly #ports: Record<PeerName, number>;
  readonly #closing: Array<() => unknown>;

  private constructor(ports: Record<PeerName, number>, closing: Array<() => unknown>) {
    this.#ports = ports;
    this.#closing = closing;
  }

  static async open(): Promise<Peers> {
    const [auth, grpcAuth] = [await HttpAuth.open(), await GrpcAuth.open()];
    auth.answer = ({ headers }, response) => response.writeHead(headers[PASS] === 'yes' ? 200 : 403).end();
    grpcAuth.answer = () => ({ status: { code: mayPass(grpcAuth) ? 0 : 7 } });
    const [issuer, keys] = [https.createServer(tlsOptions(), issue), http.createServer(issue)];
    const endpoint = https.createServer(tlsOptions(), (_request, response) => response.end());
    for (const server of [issuer, keys, endpoint]) await once(server.listen(0, '127.0.0.1'), 'listening');
    const stores = REDIS_IS_HERE ? [await startRedis(), await startRedis({ password: 'secret' })] : [];
    const ports = {
      auth: auth.port,
      grpcAuth: grpcAuth.port,
      issuer: portOf(issuer),
      keys: portOf(keys),
      endpoint: portOf(endpoint),
      redis: stores[0]?.port ?? 0,
      lockedRedis: stores[1]?.port ?? 0,
    };
    const servers = [issuer, keys, endpoint].map((server) => () => {
      server.closeAllConnections();
      server.close();
    });
    return new Peers(ports, [
      () => auth.close(),
      () => grpcAuth.close(),
      ...stores.map((store) => () => store.stop()),
      ...servers,
    ]);
  }

  port(name: PeerName): number {
    return this.#ports[name];
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close();
  }
}

function tlsOptions(): https.ServerOptions {
  const { cert, key } = MATERIAL.endpoint;
  return { cert, key };
}

const portOf = (server: http.Server | https.Server): number => (server.address() as AddressInfo).port;

function mayPass({ asked }: GrpcAuth): boolean {
  return (asked.at(-1)!.request.http.headers as Record<string, string>)[PASS] === 'yes';
}

/** Its keys, and what OpenID Connect asks for first. */
function issue({ url = '', headers }: http.IncomingMessage, response: http.ServerResponse): void {
  const issuer = `https://${headers.host}`;
  const about = {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['EdDSA'],
  };
  response.setHeader('content-type', 'application/json');
  response.end(url.includes('openid-configuration') ? JSON.stringify(about) : MATERIAL.jwks);
}
