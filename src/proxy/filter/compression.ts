/** Compression of answers, by what the client takes: not twice, not what is small, and no entity tag says that it is the same. */
import { constants, createBrotliCompress, createGzip, createZstdCompress, type Gzip } from 'node:zlib';
import type { Acting, CompressionSettings } from '../../config/index.ts';
import { nameHash } from '../ground/head.ts';
import { CompressorMemory, compressorFits } from './compressor-memory.ts';
import { isWeak, namesWeakTag, tagsOf, weak } from './entity-tag.ts';
import {
  ANSWERED,
  type AnswerScope,
  type BodyOutput,
  type BodyTransform,
  CONTINUE,
  type CompiledFilter,
  type FilterScope,
  type KeptState,
  slot,
  type Verdict,
} from './filter.ts';
import { HeaderPatch } from './header-patch.ts';
import { type Algorithm, AT_ONCE, compressedAtOnce } from './kept-compressor.ts';
import { varying } from './varying.ts';

const ACCEPT_ENCODING = nameHash('accept-encoding');
/** Sums of what is sent, as it is coded (RFC 9530, RFC 3230): of something else, now. */
const SUMS = ['content-md5', 'digest', 'content-digest', 'repr-digest'];
const DROPS: ReadonlySet<string> = new Set(['content-encoding', 'accept-ranges', ...SUMS]);
const ETAG: ReadonlySet<string> = new Set(['etag']);
const OK = 200;
const NOT_MODIFIED = 304;

export function compressionFilters(act: Acting<CompressionSettings>, settings: CompressionSettings): CompiledFilter[] {
  return [new CompressionFilter(act, settings)];
}

class CompressionFilter implements CompiledFilter {
  readonly type = 'Compression';
  readonly step = 'route-filters';
  readonly yields: boolean;
  readonly #settings: CompressionSettings;
  readonly #types: ReadonlySet<string>;
  readonly #wanted = slot<Algorithm | ''>('compression');
  /** If-None-Match. */
  readonly #has = slot<string>('compression has');

  constructor({ holds }: Acting<CompressionSettings>, settings: CompressionSettings) {
    this.yields = holds === 'Default';
    this.#settings = settings;
    this.#types = new Set(settings.types);
  }

  onRequest(scope: FilterScope): Verdict {
    const at = scope.head.find('accept-encoding', ACCEPT_ENCODING);
    scope.keep(this.#wanted, at < 0 ? '' : preferred(scope.head.value(at), this.#settings.algorithms));
    const tags = tagsOf(scope.head);
    if (tags !== undefined && /^(?:GET|HEAD)$/.test(scope.head.method())) scope.keep(this.#has, tags);
    return CONTINUE;
  }

  onResponseHead(scope: KeptState, answer: AnswerScope): Verdict {
    if (answer.local) return CONTINUE;
    if (answer.status === NOT_MODIFIED) return this.#isAsItWas(scope, answer);
    if (!this.#isFor(answer)) return CONTINUE;
    // What a cache has for one client is not for all.
    answer.patch(varying(answer, 'Accept-Encoding'));
    const algorithm = scope.kept(this.#wanted) ?? '';
    const has = scope.kept(this.#has);
    const tag = answer.value('etag');
    // The backend compares as bytes, and knows nothing of the tag that was made of its own.
    const known = answer.status === OK && tag !== undefined && has !== undefined && namesWeakTag(has, tag);
    const compressed = algorithm !== '' && compressorFits();
    if (tag !== undefined && (compressed || known)) answer.patch(weakened(tag));
    if (known && answer.notModified()) return ANSWERED;
    if (!compressed) return CONTINUE;
    const lines = [{ name: 'Content-Encoding', value: algorithm }];
    answer.patch(new HeaderPatch(DROPS, lines));
    answer.transformBody((out) => new Compressor(out, algorithm, this.#settings.level));
    return CONTINUE;
  }

  /**
   * A 304 says what the 200 would have said. Of what type that was is seldom told, so the tag is weak where the client has
   * a weak one, or names none and would have got one.
   */
  #isAsItWas(scope: KeptState, answer: AnswerScope): Verdict {
    if (answer.value('content-type') !== undefined && !this.#isOfType(answer)) return CONTINUE;
    if (!mayBeTransformed(answer)) return CONTINUE;
    answer.patch(varying(answer, 'Accept-Encoding'));
    const tag = answer.value('etag');
    if (tag === undefined) return CONTINUE;
    const has = scope.kept(this.#has);
    const hasWeak = has === undefined ? (scope.kept(this.#wanted) ?? '') !== '' : namesWeakTag(has, tag);
    if (hasWeak) answer.patch(weakened(tag));
    return CONTINUE;
  }

  #isFor(answer: AnswerScope): boolean {
    const { status } = answer;
    if (status < 200 || status === 204 || status === 206) return false;
    const encoding = answer.value('content-encoding');
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return false;
    if (!this.#isOfType(answer) || !mayBeTransformed(answer)) return false;
    const length = answer.value('content-length');
    return length === undefined || Number(length) >= this.#settings.minimumBytes;
  }

  #isOfType(answer: AnswerScope): boolean {
    const [type = ''] = (answer.value('content-type') ?? '').split(';');
    return this.#types.has(type.trim().toLowerCase());
  }
}

function mayBeTransformed(answer: AnswerScope): boolean {
  return !/(?:^|,)\s*no-transform\s*(?:,|$)/i.test(answer.values('cache-control').join());
}

/** What is coded otherwise has the same meaning, and not the same bytes. */
function weakened(tag: string): HeaderPatch {
  return isWeak(tag) ? HeaderPatch.NONE : new HeaderPatch(ETAG, [{ name: 'ETag', value: weak(tag) }]);
}

/** Of those with the highest quality the first of `algorithms`; '' where the client takes none of them. */
export function preferred(accept: string, algorithms: readonly Algorithm[]): Algorithm | '' {
  const qualities = new Map<string, number>();
  for (const part of accept.split(',')) {
    const [name = '', ...parameters] = part.split(';').map((one) => one.trim().toLowerCase());
    const q = parameters.find((one) => one.startsWith('q='))?.slice(2);
    qualities.set(name === 'x-gzip' ? 'gzip' : name, q === undefined ? 1 : Number(q) || 0);
  }
  const any = qualities.get('*') ?? 0;
  let best: Algorithm | '' = '';
  let most = 0;
  for (const algorithm of algorithms) {
    const quality = qualities.get(algorithm) ?? any;
    if (quality <= most) continue;
    best = algorithm;
    most = quality;
  }
  return (qualities.get('identity') ?? 0) > most ? '' : best;
}

function streamOf(algorithm: Algorithm, level: number): Gzip {
  switch (algorithm) {
    case 'gzip':
      return createGzip({ level });
    case 'br':
      return createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: level } }) as Gzip;
    case 'zstd':
      return createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }) as Gzip;
  }
}

/**
 * Milliseconds that bytes wait for more of their answer at most. A page whose slower half is sent when it is there, lines
 * of a log, events: what a backend sends in pieces arrives in pieces.
 */
export const FLUSH_INTERVAL = 50;

/** What has the receiver read all that came so far, and goes on with the same dictionary. */
const SO_FAR: Readonly<Record<Algorithm, number>> = {
  gzip: constants.Z_SYNC_FLUSH,
  br: constants.BROTLI_OPERATION_FLUSH,
  zstd: constants.ZSTD_e_flush,
};

/** Levels above these take longer than is good for whoever waits behind it. */
const MOST_AT_ONCE: Readonly<Record<Algorithm, number>> = { gzip: 6, br: 4, zstd: 9 };

class Compressor implements BodyTransform {
  readonly #out: BodyOutput;
  readonly #algorithm: Algorithm;
  readonly #level: number;
  readonly #memory = new CompressorMemory();
  #gathered: Buffer[] = [];
  #size = 0;
  /** Of what is too much to be compressed at once, or comes too slowly. */
  #stream: Gzip | undefined;
  /** Since the first bytes that have not left. */
  #timer: NodeJS.Timeout | undefined;

  constructor(out: BodyOutput, algorithm: Algorithm, level: number) {
    this.#out = out;
    this.#algorithm = algorithm;
    this.#level = level;
  }

  write(bytes: Buffer): boolean {
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_INTERVAL);
    if (this.#stream !== undefined) return this.#stream.write(bytes);
    this.#gathered.push(bytes);
    this.#size += bytes.length;
    const atOnce = this.#size <= AT_ONCE && this.#level <= MOST_AT_ONCE[this.#algorithm];
    return atOnce || this.#begin();
  }

  #begin(): boolean {
    const out = this.#out;
    const stream = streamOf(this.#algorithm, this.#memory.begin(this.#algorithm, this.#level));
    this.#stream = stream;
    stream.on('data', (bytes: Buffer) => {
      if (!out.write(bytes)) stream.pause();
    });
    stream.on('drain', () => out.ready());
    stream.on('end', () => {
      this.#memory.end();
      out.end();
    });
    stream.on('error', () =>
      out.fail({ status: 500, reason: 'filter_failed', message: 'The answer could not be compressed.' }),
    );
    const flowing = stream.write(whole(this.#gathered));
    this.#gathered = [];
    return flowing;
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#stream === undefined) this.#begin();
    this.#stream?.flush(SO_FAR[this.#algorithm]);
  }

  end(): void {
    clearTimeout(this.#timer);
    if (this.#stream !== undefined) {
      this.#stream.end();
      return;
    }
    this.#memory.end();
    this.#out.write(compressedAtOnce(this.#algorithm, this.#level, whole(this.#gathered)));
    this.#out.end();
  }

  drained(): void {
    this.#stream?.resume();
  }

  close(): void {
    this.#memory.end();
    clearTimeout(this.#timer);
    this.#gathered = [];
    this.#stream
      ?.removeAllListeners('data')
      .on('error', () => {})
      .destroy();
  }
}

function whole(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
