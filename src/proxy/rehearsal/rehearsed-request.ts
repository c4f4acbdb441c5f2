import type { AskedRequest } from '../http/index.ts';

export interface RehearsedRequest extends AskedRequest {
  /** Over TLS, to this name or ''. */
  secure: boolean;
  serverName: string;
  /** DER of the client's certificate, taken for one that the listener has verified. */
  certificate?: Buffer;
  /** Who asks, as if authentication had found that out; absent: it is asked. */
  claims?: Readonly<Record<string, unknown>>;
}
