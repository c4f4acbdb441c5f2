/** Services that are asked whether a request may pass: over HTTP, and by Envoy's ext_authz with gRPC's own library. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';

export interface Question {
  method: string;
  url: string;
  headers: http.IncomingHttpHeaders;
  body: string;
}
export type Answer = (question: Question, response: http.ServerResponse) => unknown;

export class HttpAuth {
  readonly asked: Question[] = [];
  connections = 0;
  /** What it answers from now on. */
  answer: Answer = (_question, response) => response.end();
  readonly #server = http.createServer((request, response) => {
    void text(request).then((body) => {
      const { method = '', url = '', headers } = request;
      const question = { method, url, headers, body };
      this.asked.push(question);
      this.answer(question, response);
    });
  });

  static async open(): Promise<HttpAuth> {
    const auth = new HttpAuth();
    auth.#server.on('connection', () => auth.connections++);
    auth.#server.listen(0, '127.0.0.1');
    await once(auth.#server, 'listening');
    return auth;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get last(): Question {
    return this.asked.at(-1)!;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Names and numbers as in Envoy's files, of what is used of them here. */
const PROTO = `
syntax = "proto3";
message Timestamp { int64 seconds = 1; int32 nanos = 2; }
message SocketAddress { int32 protocol = 1; string address = 2; uint32 port_value = 3; }
message Address { SocketAddress socket_address = 1; }
message Peer { Address address = 1; string service = 2; string principal = 4; string certificate = 5; }
message HttpRequest {
  string id = 1; string method = 2; map<string, string> headers = 3; string path = 4; string host = 5;
  string scheme = 6; string query = 7; string fragment = 8; int64 size = 9; string protocol = 10; string body = 11;
  bytes raw_body = 12;
}
message Request { Timestamp time = 1; HttpRequest http = 2; }
message TLSSession { string sni = 1; }
message AttributeContext { Peer source = 1; Peer destination = 2; Request request = 4; TLSSession tls_session = 12; }
message CheckRequest { AttributeContext attributes = 1; }
message Status { int32 code = 1; string message = 2; }
message HeaderValue { string key = 1; string value = 2; bytes raw_value = 3; }
message BoolValue { bool value = 1; }
message HeaderValueOption { HeaderValue header = 1; BoolValue append = 2; int32 append_action = 3; }
message HttpStatus { int32 code = 1; }
message DeniedHttpResponse { HttpStatus status = 1; repeated HeaderValueOption headers = 2; string body = 3; }
message QueryParameter { string key = 1; string value = 2; }
message OkHttpResponse {
  repeated HeaderValueOption headers = 2; repeated string headers_to_remove = 5;
  repeated HeaderValueOption response_headers_to_add = 6; repeated QueryParameter query_parameters_to_set = 7;
}
message CheckResponse { Status status = 1; DeniedHttpResponse denied_response = 2; OkHttpResponse ok_response = 3; }
`;
const ROOT = protobuf.parse(PROTO, { keepCase: false }).root;
export const CHECK_REQUEST = ROOT.lookupType('CheckRequest');
export const CHECK_RESPONSE = ROOT.lookupType('CheckResponse');

/** What a CheckRequest comes to, as far as tests look at it. */
export interface CheckMessage {
  source: { address: { socketAddress: { address: string; portValue: number } } };
  destination: CheckMessage['source'];
  request: { time: { seconds: number }; http: Record<string, unknown> };
  tlsSession?: { sni: string };
}

interface Check {
  attributes: CheckMessage;
}

export class GrpcAuth {
  readonly asked: CheckMessage[] = [];
  /** A CheckResponse, bytes in its place, or an error of gRPC. */
  answer: () => object | Buffer | grpc.ServiceError = () => ({ status: { code: 0 } });
  readonly #server = new grpc.Server();
  port = 0;

  static async open(): Promise<GrpcAuth> {
    const auth = new GrpcAuth();
    const check: grpc.handleUnaryCall<Check, object> = (call, callback) => {
      auth.asked.push(call.request.attributes);
      const answer = auth.answer();
      if (answer instanceof Error) callback(answer as grpc.ServiceError);
      else callback(null, answer);
    };
    const definition: grpc.MethodDefinition<Check, object> = {
      path: '/envoy.service.auth.v3.Authorization/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: () => Buffer.alloc(0),
      requestDeserialize: (bytes) => CHECK_REQUEST.toObject(CHECK_REQUEST.decode(bytes), { longs: Number }) as Check,
      responseSerialize: (answer) =>
        Buffer.isBuffer(answer)
          ? answer
          : Buffer.from(CHECK_RESPONSE.encode(CHECK_RESPONSE.fromObject(answer)).finish()),
      responseDeserialize: () => ({}),
    };
    auth.#server.addService({ check: definition }, { check });
    auth.port = await new Promise((resolve, reject) =>
      auth.#server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
    return auth;
  }

  close(): void {
    this.#server.forceShutdown();
  }
}
