/** Answers of the gateway's own whose status has no content, over HTTP/1.1 and HTTP/2: none is ever sent. */
import { once } from 'node:events';
import { connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const ROUTE: PolicyAim = { kind: 'HTTPRoute', name: 'a' };

function site(...policies: object[]): string {
  return manifests([HTTP], httpRoute('a', [backendRefs('web')]), service('web'), ...policies);
}
const answers = (spec: object): object => requestPolicy('ResponsePolicy', 'answers', ROUTE, spec);

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(site(), { echo: true });
});
afterAll(() => rig.close());

describe.each([204, 205, 304])('status %i', (statusCode) => {
  test('has no content, nor a word of any, and the connection goes on', async () => {
    await rig.write(site(answers({ directResponse: { statusCode, contentType: 'text/html' } })));
    const client = await rawClient(rig.port());
    for (const method of ['GET', 'POST', 'HEAD']) {
      client.text = '';
      client.send(`${method} / HTTP/1.1\r\nhost: a\r\n\r\nGET /next HTTP/1.1\r\nhost: a\r\n\r\n`);
      await client.until(() => client.text.split('\r\n\r\n').length > 2);
      const [first, second, rest] = client.text.split('\r\n\r\n');
      for (const head of [first, second]) {
        expect(head).toMatch(new RegExp(`^HTTP/1.1 ${statusCode} `));
        expect(head).not.toMatch(/content-type/i);
        expect(head!.match(/content-length: \d+/i)?.[0]).toBe(statusCode === 205 ? 'Content-Length: 0' : undefined);
      }
      expect(rest).toBe('');
    }
    client.close();
    expect(rig.accesses.at(-1)).toMatchObject({ status: statusCode, bytesOut: 0 });
  });

  test('ends its stream', async () => {
    const session = connect(`http://127.0.0.1:${rig.port()}`);
    const stream = session.request({ ':path': '/', ':authority': 'a' });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(statusCode);
    expect(headers['content-type']).toBeUndefined();
    let bytes = 0;
    stream.on('data', (data: Buffer) => (bytes += data.length));
    await once(stream, 'close');
    expect([bytes, stream.rstCode]).toEqual([0, 0]);
    session.close();
  });

  test('with a body is a mistake', async () => {
    // Something is changed in any case, so that it is known when all of it is served.
    const other = httpRoute(`other-${statusCode}`, [backendRefs('web')]);
    await rig.write(site(answers({ directResponse: { statusCode, body: 'x' } }), other));
    const messages = rig.report().diagnostics.map(({ message }) => message);
    expect(messages).toContainEqual(expect.stringContaining('is never sent with status 204, 205 or 304'));
  });
});

test('a status below 200 is refused', async () => {
  await rig.write(site(answers({ directResponse: { statusCode: 101 } }), httpRoute('other', [backendRefs('web')])));
  expect(rig.report().diagnostics.filter(({ severity }) => severity === 'error')).toHaveLength(1);
});
