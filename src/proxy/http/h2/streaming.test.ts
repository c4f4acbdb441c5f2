import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerOf, NodePair } from './node-pair.fixture.ts';

const pair = new NodePair();
beforeAll(() => pair.start());
afterAll(() => pair.stop());

describe('streaming between node:http2 client and backend', () => {
  test('trailers both ways', async () => {
    pair.handlers.set('/trailers', (stream) => {
      stream.on('trailers', (trailers) => {
        stream.respond({}, { waitForTrailers: true });
        stream.on('wantTrailers', () =>
          stream.sendTrailers({ 'grpc-status': '0', 'x-got': String(trailers['x-sent']) }),
        );
        stream.end('body');
      });
      stream.resume();
    });
    const stream = pair.client.request({ ':path': '/trailers', ':method': 'POST' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sent': 'yes' }));
    stream.end('body');
    const answer = await answerOf(stream);
    expect(answer.body.toString()).toBe('body');
    expect(answer.trailers).toMatchObject({ 'grpc-status': '0', 'x-got': 'yes' });
  });

  test('a trailers-only answer ends the stream with its head', async () => {
    pair.handlers.set('/only', (stream) => stream.respond({ 'grpc-status': '12' }, { endStream: true }));
    const answer = await answerOf(pair.client.request({ ':path': '/only', ':method': 'POST' }).end('x'));
    expect([answer.headers['grpc-status'], answer.body.length]).toEqual(['12', 0]);
  });

  test('server streaming arrives message by message', async () => {
    let next: () => void = () => undefined;
    pair.handlers.set('/server-stream', (stream) => {
      stream.respond();
      let n = 0;
      next = () => (n < 5 ? stream.write(`m${n++}`) : stream.end());
      next();
    });
    const stream = pair.client.request({ ':path': '/server-stream' });
    const seen: string[] = [];
    stream.on('data', (chunk: Buffer) => {
      seen.push(chunk.toString());
      next();
    });
    await once(stream, 'end');
    expect(seen).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
  });

  test('client streaming and bidirectional streaming, one message at a time', async () => {
    pair.handlers.set('/bidi', (stream) => {
      stream.respond();
      stream.on('data', (chunk: Buffer) => stream.write(`got ${chunk.toString()}`));
      stream.on('end', () => stream.end('bye'));
    });
    const stream = pair.client.request({ ':path': '/bidi', ':method': 'POST' });
    const seen: string[] = [];
    stream.write('0');
    stream.on('data', (chunk: Buffer) => {
      seen.push(chunk.toString());
      if (seen.length < 4) stream.write(String(seen.length));
      else if (seen.length === 4) stream.end();
    });
    await once(stream, 'end');
    expect(seen).toEqual(['got 0', 'got 1', 'got 2', 'got 3', 'bye']);
  });
});
