/** What docs/peers.md says of Daemun and of nginx, asked of both over real sockets. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTime, observe } from './probe.ts';
import { questions } from './question.ts';
import { Backends, daemun, NGINX, nginx, type Peer, refusal } from './site.ts';

const ASKED = questions().groups.flatMap((group) => group.questions.filter(({ ask }) => ask !== undefined));

const PEERS = {
  daemun: { open: daemun, isHere: true },
  // Its defaults differ from version to version.
  nginx: { open: nginx, isHere: NGINX?.startsWith('1.22.') === true },
} as const;

describe.each(Object.entries(PEERS))('%s', (name, { open, isHere }) => {
  describe.skipIf(!isHere)('does', () => {
    let backends: Backends;
    let peer: Peer;
    beforeAll(async () => {
      backends = await Backends.open();
      peer = await open(backends);
    });
    afterAll(async () => {
      await peer.close();
      await backends.close();
    });

    const asked = ASKED.filter(({ ask }) => name === 'daemun' || (!isTime(ask!) && !ask!.alone));
    test.each(asked.map((one) => [one.question, one] as const))('%s', async (_, question) => {
      const seen = await observe(question.ask!, { peer, backends });
      expect(seen).toBe(name === 'nginx' ? question.nginx : question.daemun);
    });
  });
});

test.skipIf(!PEERS.nginx.isHere).each([
  ['that has no servers', 'upstream web { }', 'no servers are inside upstream'],
  ['that keeps sessions', 'upstream web { server 127.0.0.1:9; sticky cookie sid; }', 'unknown directive "sticky"'],
  ['of a name that there is not', 'server { location / { proxy_pass http://nowhere.invalid; } }', 'host not found'],
  [
    'with a limit that there is not',
    'server { location / { limit_req zone=nowhere; } }',
    'zero size shared memory zone',
  ],
])('nginx refuses its whole configuration for one %s', (_, part, says) => {
  expect(refusal(part)).toContain(says);
});
