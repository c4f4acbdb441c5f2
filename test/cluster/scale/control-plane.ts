/** What the cluster's own control plane suffers, where it is of this machine: as root, by the firewall. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Firewall } from '../firewall.ts';
import { commandOf } from './pod-process.ts';
import type { Stage } from './stage.ts';

/** Milliseconds that the store answers late. */
const LATE = 500;
/** Of the relay; nobody else has it. */
const RELAY_PORT = 12_300;
/** Routes that come meanwhile: how long each is waited for is told. */
const ROUTES = 5;

/** Controllers and data planes do not reach the API server: half of the time nothing answers, half of it it refuses. */
export async function outage(seconds: number): Promise<void> {
  const firewall = needed();
  try {
    for (const how of ['drop', 'reject with tcp reset'] as const) {
      await firewall.block(how);
      await delay((seconds * 1000) / 2);
    }
  } finally {
    await firewall.reopen();
  }
}

/** etcd answers half a second late. */
export async function slowStore(stage: Stage, seconds: number): Promise<void> {
  const firewall = needed();
  const [, store] = /--listen-client-urls http:\/\/127\.0\.0\.1:(\d+)/.exec(commandOf('etcd')) ?? [];
  if (store === undefined)
    throw new Error('no etcd with --listen-client-urls http://127.0.0.1:PORT runs in this network');
  const relay = fork(
    fileURLToPath(new URL('slow-relay.ts', import.meta.url)),
    [`127.0.0.1:${RELAY_PORT}`, `127.0.0.1:${store}`, String(LATE)],
    { silent: true },
  );
  try {
    await Promise.race([once(relay.stdout!, 'data'), once(relay, 'exit')]);
    if (relay.exitCode !== null) throw new Error(`the relay on port ${RELAY_PORT} ended`);
    await firewall.lead(Number(store), RELAY_PORT);
    // Its connections were cut: what it was about to write then failed.
    const first = stage.route('slow-first', 'a');
    await stage.until('API server with its store', () =>
      stage.create(stage.routes, first).then(
        () => undefined,
        (error: Error) => error.message,
      ),
    );
    const end = performance.now() + seconds * 1000;
    const times: string[] = [];
    for (let at = 0; at < ROUTES; at++) {
      const began = performance.now();
      await stage.create(stage.routes, stage.route(`slow-${at}`, 'a'));
      const taken = performance.now();
      await stage.answers(`slow-${at}.example.com`);
      times.push(`${Math.round(taken - began)} + ${Math.round(performance.now() - taken)}`);
    }
    stage.tally.figure('slow-store', 'ms until a route is taken, and served', times.join(', '));
    await delay(Math.max(0, end - performance.now()));
  } finally {
    await firewall.reopen();
    relay.kill();
  }
  for (const name of ['first', ...Array(ROUTES).keys()]) await stage.remove(`${stage.routes}/slow-${name}`);
}

function needed(): Firewall {
  const firewall = Firewall.find();
  if (firewall === undefined) throw new Error('needs root, nft, and an API server of this machine');
  return firewall;
}
