/**
 * An embedded Kubernetes API: what a controller needs of one, over real HTTP, in this process. It stores what it is
 * given and judges no schemas: the cluster that it stands in for has done so.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type ApiObject, isJsonObject, type JsonObject, Refusal } from './api-object.ts';
import { applied, updated } from './apply.ts';
import { discovery } from './discovery.ts';
import { type Asked, askedOf, type FaultRule } from './fault.ts';
import { jsonPatch, mergePatch } from './patch.ts';
import { selectorOf } from './selector.ts';
import { groupVersion, SERVED_KINDS, type ServedKind } from './served-kind.ts';
import { Store } from './store.ts';
import { WatchStream } from './watch-stream.ts';

export interface ApiServerOptions {
  kinds?: readonly ServedKind[];
  /** Milliseconds between bookmarks; default one minute, as an API server has it. */
  bookmark?: number;
}

/** Where a request leads. */
interface Target {
  served: ServedKind;
  namespace: string;
  /** '' for the collection. */
  name: string;
  subresource: string;
}

/** Kinds of Kubernetes itself: their objects do not say in a list what the list says. */
const builtIn = ({ group }: ServedKind): boolean => !group.includes('.') || BUILT_IN.test(group);
const BUILT_IN = /^(discovery|coordination|networking|events|apiextensions|authentication)\.k8s\.io$/;
const unnamed = (object: unknown): unknown => {
  const { apiVersion: _, kind: __, ...rest } = object as ApiObject;
  return rest;
};
const same = (object: unknown): unknown => object;

const METADATA_ONLY = /as=PartialObjectMetadata;/;
const METADATA_LIST = /as=PartialObjectMetadataList;/;

export class ApiServer {
  readonly store = new Store();
  /** Kinds may come later, as CRDs do. */
  kinds: ServedKind[];
  /** Asked before each request. */
  fault: FaultRule = () => undefined;
  /** Requests as they came, for tests that count them. */
  readonly asked: Asked[] = [];
  /** Who a token belongs to, for token reviews. */
  /** By kind: fields of statuses that its CRD does not have. */
  readonly undeclared = new Map<string, readonly string[]>();
  readonly tokens = new Map<string, { username: string; audiences: string[]; pod?: string }>();
  readonly watches = new Set<WatchStream>();
  readonly #server: Server;
  readonly #bookmark: number;
  /** Lists under way, so that their pages are of one moment. */
  readonly #snapshots = new Map<string, { version: number; objects: ApiObject[] }>();
  #snapshotCount = 0;

  private constructor({ kinds = SERVED_KINDS, bookmark = 60_000 }: ApiServerOptions) {
    this.kinds = [...kinds];
    this.#bookmark = bookmark;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    const api = new ApiServer(options);
    await api.listen();
    return api;
  }

  /** Also after `close`, on the same port: an outage that ends. */
  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.port}`);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  /** By kind, for tests that write past HTTP. */
  kind(name: string): ServedKind {
    const served = this.kinds.find(({ kind }) => kind === name);
    if (served === undefined) throw new Error(`the API serves no ${name}`);
    return served;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = askedOf(request);
    this.asked.push(asked);
    try {
      if (!(await this.#faulty(asked, response))) await this.#answer(asked, request, response);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'InternalError', { message: String(error) });
      this.#send(request, response, { code: refusal.code, body: refusal.status, retryAfter: refusal.retryAfter });
    }
  }

  async #faulty(asked: Asked, response: ServerResponse): Promise<boolean> {
    const fault = this.fault(asked);
    if (fault === undefined) return false;
    switch (fault.kind) {
      case 'refuse':
        throw new Refusal(fault.code, fault.reason, {
          message: fault.message ?? `${fault.reason} by a switch`,
          ...(fault.retryAfter === undefined ? {} : { retryAfter: fault.retryAfter }),
        });
      case 'slow':
        await pause(fault.delay, undefined, { ref: false });
        return false;
      case 'silent':
        return true;
      case 'reset':
        response.destroy();
        return true;
    }
  }

  async #answer(asked: Asked, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = discovery(asked.path, this.kinds);
    if (found !== undefined) return this.#send(request, response, { code: 200, body: found });
    if (asked.path.endsWith('/tokenreviews')) {
      const review = this.#review(await bodyOf(request));
      return this.#send(request, response, { code: 201, body: review });
    }
    const target = this.#target(asked.path);
    const listed = asked.method === 'GET' && target.name === '' && !isTrue(asked.query.get('watch'));
    const wanted = listed ? METADATA_LIST : METADATA_ONLY;
    const show = wanted.test(request.headers.accept ?? '') ? metadataOf : (object: ApiObject) => object;
    if (asked.method === 'GET') {
      if (target.name !== '') {
        const object = this.store.get(target.served, target.namespace, target.name);
        return this.#send(request, response, { code: 200, body: show(object) });
      }
      if (isTrue(asked.query.get('watch'))) return this.#watch(target, asked, { response, show });
      const body = this.#list(target, asked.query, show);
      return this.#send(request, response, { code: 200, body });
    }
    const body = await bodyOf(request);
    const written = this.#write(target, asked, { body, type: request.headers['content-type'] ?? '' });
    this.#send(request, response, { code: asked.method === 'POST' ? 201 : 200, body: written });
  }

  #watch(
    target: Target,
    { query }: Asked,
    at: { response: ServerResponse; show: (object: ApiObject) => unknown },
  ): void {
    const { served, namespace } = target;
    const times = { bookmark: this.#bookmark };
    const stream = new WatchStream(
      this.store,
      { served, namespace, query, show: at.show },
      { response: at.response, times },
    );
    this.watches.add(stream);
    at.response.on('close', () => this.watches.delete(stream));
  }

  #list({ served, namespace }: Target, query: URLSearchParams, show: (object: ApiObject) => unknown): JsonObject {
    const limit = Number(query.get('limit') || 0);
    const [id, from] = (query.get('continue') || ' 0').split(' ');
    const known = id === '' ? undefined : this.#snapshots.get(id!);
    if (id !== '' && (known === undefined || known.version < this.store.compacted)) {
      throw new Refusal(410, 'Expired', { message: 'The provided continue parameter is too old' });
    }
    const snapshot = known ?? {
      version: this.store.version,
      objects: this.store.list(served, namespace).filter(selectorOf(query)),
    };
    const start = Number(from);
    const end = limit === 0 ? snapshot.objects.length : start + limit;
    const metadata: JsonObject = { resourceVersion: String(snapshot.version) };
    if (end < snapshot.objects.length) {
      const own = id === '' ? String(++this.#snapshotCount) : id!;
      this.#snapshots.set(own, snapshot);
      metadata.continue = `${own} ${end}`;
      metadata.remainingItemCount = snapshot.objects.length - end;
    }
    const items = snapshot.objects
      .slice(start, end)
      .map(show)
      .map(builtIn(served) ? unnamed : same);
    // As a real one does: of metadata alone an empty list is null.
    const bare = show === metadataOf && items.length === 0;
    return { kind: `${served.kind}List`, apiVersion: groupVersion(served), metadata, items: bare ? null : items };
  }

  #write(target: Target, asked: Asked, sent: { body: unknown; type: string }): unknown {
    this.store.dry = asked.query.get('dryRun') === 'All';
    try {
      return this.#change(target, asked, sent);
    } finally {
      this.store.dry = false;
    }
  }

  #change(target: Target, { method, query }: Asked, sent: { body: unknown; type: string }): unknown {
    const { served, namespace, name, subresource } = target;
    const manager = query.get('fieldManager') ?? 'unknown';
    this.store.writes.push({ verb: method, served, name, subresource: subresource || undefined });
    switch (method) {
      case 'POST': {
        const object = this.#given(target, sent.body);
        object.metadata.managedFields = updated(undefined, object, { manager });
        if (served.status) delete object.status;
        return this.store.create(served, object);
      }
      case 'PUT': {
        const before = this.store.get(served, namespace, name);
        const after = this.#given(target, sent.body);
        return this.#replace(target, { before, after, manager });
      }
      case 'PATCH':
        return this.#patch(target, sent, { manager, force: isTrue(query.get('force')) });
      case 'DELETE':
        meets(this.store.get(served, namespace, name), sent.body);
        if (isJsonObject(sent.body) && sent.body.propagationPolicy === 'Orphan') {
          this.store.orphan(this.store.get(served, namespace, name));
        }
        this.store.delete(served, namespace, name);
        return { kind: 'Status', apiVersion: 'v1', status: 'Success' };
      default:
        throw new Refusal(405, 'MethodNotAllowed', { message: `${method} is not supported` });
    }
  }

  #replace(
    { served, subresource }: Target,
    { before, after, manager }: { before: ApiObject; after: ApiObject; manager: string },
  ): ApiObject {
    const status = subresource === 'status';
    const whole = status ? { ...before, status: after.status } : { ...after, status: before.status };
    const managedFields = updated(before, whole as ApiObject, { manager, subresource: subresource || undefined });
    const object = { ...after, metadata: { ...after.metadata, managedFields } };
    return this.store.replace(served, object, { status });
  }

  #patch(target: Target, sent: { body: unknown; type: string }, by: { manager: string; force: boolean }): ApiObject {
    const { served, namespace, name, subresource } = target;
    const status = subresource === 'status';
    const live = this.store.find(served, namespace, name);
    const type = sent.type.split(';')[0];
    if (type === 'application/apply-patch+yaml') {
      if (!isJsonObject(sent.body)) throw new Refusal(400, 'BadRequest', { message: 'an apply patch is an object' });
      const applying = { ...by, subresource: subresource || undefined };
      if (live === undefined && !status) return this.#createByApply(target, sent.body, applying);
      const before = this.store.get(served, namespace, name);
      this.#refuseUndeclared(target, sent.body);
      return this.store.replace(served, applied(before, sent.body, applying), { status });
    }
    const before = this.store.get(served, namespace, name);
    const change = type === 'application/json-patch+json' ? jsonPatch : mergePatch;
    if (change === mergePatch && !/merge-patch\+json$/.test(type ?? '')) {
      throw new Refusal(415, 'UnsupportedMediaType', {
        message: `the body of the request was in an unknown format: ${type}`,
      });
    }
    const after = change(before, sent.body) as ApiObject;
    return this.#replace(target, { before, after, manager: by.manager });
  }

  /** Which an API server drops of whatever comes in another way. */
  #refuseUndeclared({ served, namespace, name }: Target, { status }: JsonObject): void {
    const strange = (this.undeclared.get(served.kind) ?? []).find((field) => isJsonObject(status) && field in status);
    if (strange === undefined) return;
    const { group, version, kind } = served;
    const about = `${namespace}/${name}; ${group}/${version}, Kind=${kind}`;
    const message = `failed to create typed patch object (${about}): .status.${strange}: field not declared in schema`;
    throw new Refusal(500, '', { message });
  }

  #createByApply(target: Target, body: JsonObject, applying: { manager: string; force: boolean }): ApiObject {
    const { served, namespace, name } = target;
    const bare: ApiObject = { apiVersion: groupVersion(served), kind: served.kind, metadata: { name } };
    if (served.namespaced) bare.metadata.namespace = namespace;
    const object = applied(bare, body, applying);
    if (served.status) delete object.status;
    return this.store.create(served, object);
  }

  /** What was sent, named as its place says. */
  #given({ served, namespace, name }: Target, body: unknown): ApiObject {
    if (!isJsonObject(body) || !isJsonObject(body.metadata)) {
      throw new Refusal(400, 'BadRequest', { message: 'the body is no object' });
    }
    const object = structuredClone(body) as ApiObject;
    if (name !== '' && object.metadata.name !== name) {
      throw new Refusal(400, 'BadRequest', {
        message: `the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`,
      });
    }
    object.apiVersion = groupVersion(served);
    object.kind = served.kind;
    if (served.namespaced) object.metadata.namespace = namespace;
    return object;
  }

  #target(path: string): Target {
    const { group, version, namespace, plural, name, subresource } = partsOf(path);
    const served = this.kinds.find((one) => one.group === group && one.version === version && one.plural === plural);
    if (served === undefined) {
      throw new Refusal(404, 'NotFound', { message: 'the server could not find the requested resource' });
    }
    if (subresource !== '' && !(subresource === 'status' && served.status)) {
      throw new Refusal(404, 'NotFound', { message: `${plural} has no ${subresource}` });
    }
    return { served, namespace, name, subresource };
  }

  #review(body: unknown): JsonObject {
    const spec = isJsonObject(body) && isJsonObject(body.spec) ? body.spec : {};
    const known = this.tokens.get(String(spec.token));
    const wanted = Array.isArray(spec.audiences) ? spec.audiences.map(String) : [];
    const audiences = known?.audiences.filter((one) => wanted.length === 0 || wanted.includes(one)) ?? [];
    const status =
      known === undefined || (wanted.length > 0 && audiences.length === 0)
        ? { authenticated: false, error: 'the token is not valid' }
        : {
            authenticated: true,
            audiences,
            user: {
              username: known.username,
              extra: known.pod === undefined ? {} : { 'authentication.kubernetes.io/pod-name': [known.pod] },
            },
          };
    return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec, status };
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    { code, body, retryAfter }: { code: number; body: unknown; retryAfter?: number | undefined },
  ): void {
    if (response.headersSent) return void response.end();
    const text = Buffer.from(JSON.stringify(body));
    // As an API server does: what is small is not worth it.
    const zip = text.length > 128 << 10 && /gzip/.test(String(request.headers['accept-encoding'] ?? ''));
    response.writeHead(code, {
      'content-type': 'application/json',
      ...(zip ? { 'content-encoding': 'gzip' } : {}),
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    });
    response.end(zip ? gzipSync(text) : text);
  }
}

/** What whoever deletes says about the object that is meant. */
function meets({ metadata }: ApiObject, options: unknown): void {
  const wanted = isJsonObject(options) && isJsonObject(options.preconditions) ? options.preconditions : {};
  for (const field of ['uid', 'resourceVersion'] as const) {
    if (wanted[field] === undefined || wanted[field] === metadata[field]) continue;
    throw new Refusal(409, 'Conflict', { message: `the object has another ${field} than ${String(wanted[field])}` });
  }
}

function metadataOf({ metadata }: ApiObject): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
}

/** `/api/V/…` or `/apis/G/V/…`, then `namespaces/N/` where something of a namespace follows. */
function partsOf(path: string): Record<'group' | 'version' | 'namespace' | 'plural' | 'name' | 'subresource', string> {
  const [root, ...rest] = path.split('/').slice(1).map(decodeURIComponent);
  const group = root === 'apis' ? (rest.shift() ?? '') : '';
  const version = rest.shift() ?? '';
  const scoped = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status';
  const namespace = scoped ? rest[1]! : '';
  const [plural = '', name = '', subresource = ''] = scoped ? rest.slice(2) : rest;
  return { group, version, namespace, plural, name, subresource };
}

function isTrue(value: string | null): boolean {
  return value === 'true' || value === '1';
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    throw new Refusal(400, 'BadRequest', { message: 'the body is no JSON' });
  }
}
