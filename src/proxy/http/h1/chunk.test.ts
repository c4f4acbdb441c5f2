import { describe, expect, test } from 'vitest';
import { ARENA } from '../../ground/arena.ts';
import { ChunkDecoder, MAX_CHUNK_EXTENSION_BYTES, MAX_CHUNK_SIZE_DIGITS } from './chunk.ts';
import { CHUNK_EXTENSION_TOO_LONG, CHUNK_SIZE_TOO_LARGE, TRAILERS_TOO_LARGE } from './fault.ts';
import { MAX_TRAILER_BYTES } from './trailer.ts';

const AT = 64;

class Collected {
  text = '';
  slices = 0;

  onData(start: number, end: number): void {
    this.slices++;
    this.text += ARENA.latin1Slice(start, end);
  }
}

function feed(decoder: ChunkDecoder, text: string, sink = new Collected()): number {
  return decoder.feed(AT, AT + ARENA.latin1Write(text, AT), sink);
}

describe('a chunked body', () => {
  test('is handed on without its coding, one slice a chunk', () => {
    const decoder = new ChunkDecoder();
    const sink = new Collected();
    const body = '3\r\nabc\r\n00A;x=y\r\n0123456789\r\n0\r\n\r\n';
    expect(feed(decoder, `${body}GET / HTTP/1.1`, sink)).toBe(body.length);
    expect(decoder.done).toBe(true);
    expect(sink).toMatchObject({ text: 'abc0123456789', slices: 2 });
    expect(decoder.trailers).toBe('');
  });

  test('takes nothing once it is done, until reset', () => {
    const decoder = new ChunkDecoder();
    feed(decoder, '0\r\n\r\n');
    expect(feed(decoder, '0\r\n\r\n')).toBe(0);
    decoder.reset();
    expect(decoder.done).toBe(false);
    expect(feed(decoder, '0\r\n\r\n')).toBe(5);
  });

  test('can be reset in the middle of anything', () => {
    const decoder = new ChunkDecoder();
    for (const part of ['', 'f', 'f\r', '5\r\nab', '5;a="', '0\r\nX: y\r\n', '0\r\nX: y\r\n\r\n', 'zz']) {
      feed(decoder, part);
      decoder.reset();
      const sink = new Collected();
      expect(feed(decoder, '1\r\na\r\n0\r\n\r\n', sink)).toBe(11);
      expect(sink.text).toBe('a');
      expect(decoder.trailers).toBe('');
      decoder.reset();
    }
  });

  test('gives its trailer lines as they were sent', () => {
    const decoder = new ChunkDecoder();
    feed(decoder, '0\r\nX-Sum: 1\r\nY:\t2\r\n\r\nrest');
    expect(decoder.done).toBe(true);
    expect(decoder.trailers).toBe('X-Sum: 1\r\nY:\t2\r\n');
  });
});

describe('limits', () => {
  test('of digits', () => {
    expect(feed(new ChunkDecoder(), `${'f'.repeat(MAX_CHUNK_SIZE_DIGITS)}\r\n`)).toBe(MAX_CHUNK_SIZE_DIGITS + 2);
    expect(feed(new ChunkDecoder(), 'f'.repeat(MAX_CHUNK_SIZE_DIGITS + 1))).toBe(CHUNK_SIZE_TOO_LARGE);
  });

  test('of extensions, over all chunks of a body', () => {
    const decoder = new ChunkDecoder();
    const chunk = `1;${'x'.repeat(1022)}\r\na\r\n`;
    const chunks = MAX_CHUNK_EXTENSION_BYTES / 1024;
    for (let i = 0; i < chunks; i++) expect(feed(decoder, chunk)).toBe(chunk.length);
    expect(feed(decoder, chunk)).toBe(CHUNK_EXTENSION_TOO_LONG);
    decoder.reset();
    expect(feed(decoder, chunk)).toBe(chunk.length);
  });

  test('of trailers', () => {
    const section = (bytes: number) => `0\r\nX: ${'x'.repeat(bytes - 7)}\r\n\r\n`;
    expect(feed(new ChunkDecoder(), section(MAX_TRAILER_BYTES))).toBe(MAX_TRAILER_BYTES + 3);
    expect(feed(new ChunkDecoder(), section(MAX_TRAILER_BYTES + 1))).toBe(TRAILERS_TOO_LARGE);
  });
});
