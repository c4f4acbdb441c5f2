/** A gateway with services that it asks who may pass, over HTTP and gRPC, a backend, and a client. */
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { endpointsOf } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type Answer, GrpcAuth, HttpAuth } from './auth-service.ts';

export interface Asked {
  path?: string;
  method?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: string;
  host?: string;
}

/** Services `auth`, `grpc-auth` and `web`, which is the backend; nobody listens at `gone`. */
export class ExternalSite {
  readonly auth: HttpAuth;
  readonly grpcAuth: GrpcAuth;
  readonly origin: HttpAuth;
  readonly rig: Rig;

  private constructor(parts: Pick<ExternalSite, 'auth' | 'grpcAuth' | 'origin' | 'rig'>) {
    this.auth = parts.auth;
    this.grpcAuth = parts.grpcAuth;
    this.origin = parts.origin;
    this.rig = parts.rig;
  }

  static async serve(manifests: string): Promise<ExternalSite> {
    const [auth, origin, grpcAuth] = [await HttpAuth.open(), await HttpAuth.open(), await GrpcAuth.open()];
    const endpoints = [
      endpointsOf('web', origin.port),
      endpointsOf('auth', auth.port),
      endpointsOf('grpc-auth', grpcAuth.port),
      endpointsOf('gone', 1),
    ];
    return new ExternalSite({ auth, grpcAuth, origin, rig: await serveManifests(manifests, { endpoints }) });
  }

  /** As before any test: everybody may pass, and nobody was asked. */
  forget(welcome: Answer): void {
    this.auth.answer = (_question, response) => response.end();
    this.origin.answer = welcome;
    this.grpcAuth.answer = () => ({ status: { code: 0 } });
    for (const one of [this.auth.asked, this.origin.asked, this.grpcAuth.asked]) one.length = 0;
  }

  async ask({ path = '/', method = 'GET', headers = {}, body, host = 'a.example' }: Asked = {}) {
    const options = { port: this.rig.port(), host: '127.0.0.1', path, method, agent: false };
    const request = http.request({ ...options, headers: { host, ...headers } });
    request.end(body);
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
  }

  async close(): Promise<void> {
    await this.rig.close();
    await this.auth.close();
    await this.origin.close();
    this.grpcAuth.close();
  }
}
