/** What every protocol keeps of the contract of draining (ground/drain.ts), over real sockets. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { PlaneRig } from './plane.suite.ts';

/** Something of a client's that is under way. */
export interface Work {
  /** Its backend ends it in good order; resolves when the client has all of it, and rejects where something is missing. */
  finish(): Promise<void>;
  /** The client sees that it is over. */
  readonly over: Promise<unknown>;
}

export interface DrainCase {
  /** A data plane that serves the protocol on the port of its listener `l`. */
  serve(): Promise<PlaneRig>;
  begin(port: number): Promise<Work>;
  /** A client that keeps its connection open whatever happens, with nothing under way. */
  idle?(port: number): Promise<unknown>;
  /** A client that never sent anything holds nothing either. Of TCP it may be the server who speaks first. */
  silent: boolean;
  /** Work begins while the port drains, on a connection from before. Rejects where it is refused, as it should be. */
  more?(port: number): Promise<{ ask(): Promise<unknown> }>;
  close(): void;
}

/** Long enough to be noticed when something waits for it. */
const LONG = 20_000;
/** Of what ends at once, timers and a busy machine allowed for. */
const SOON = 5_000;

export function drainSuite(protocol: string, make: () => DrainCase): void {
  describe(`${protocol}, drained`, () => {
    const one = make();
    const rigs: PlaneRig[] = [];
    const clients: net.Socket[] = [];
    afterEach(async () => {
      for (const client of clients.splice(0)) client.destroy();
      await Promise.all(rigs.splice(0).map((rig) => rig.close()));
      one.close();
    });
    const start = async (): Promise<PlaneRig> => {
      const rig = await one.serve();
      rigs.push(rig);
      return rig;
    };
    const timed = async (work: Promise<unknown>): Promise<number> => {
      const began = performance.now();
      await work;
      return performance.now() - began;
    };

    test('finishes what is under way, and ends with it', async () => {
      const rig = await start();
      const work = await one.begin(rig.port());
      const drained = rig.plane.drain(LONG);
      await work.finish();
      expect(await timed(drained)).toBeLessThan(SOON);
      expect(rig.accesses.map(({ reason }) => reason)).not.toContain('draining');
    });

    test('finishes what is under way on a listener that is gone', async () => {
      const rig = await start();
      const work = await one.begin(rig.port());
      await rig.apply([], [{ kind: 'Listener', key: 'd/g/l' }]);
      await work.finish();
      expect(await timed(rig.plane.drain(LONG))).toBeLessThan(SOON);
    });

    test('ends what is left when its time is over, and not earlier', async () => {
      const rig = await start();
      const work = await one.begin(rig.port());
      // By a timer of the same turn: both count from its beginning, which is long ago on a busy machine.
      let isNearlyOver = false;
      setTimeout(() => (isNearlyOver = true), 290);
      const took = await timed(rig.plane.drain(300));
      expect(isNearlyOver).toBe(true);
      expect(took).toBeLessThan(SOON);
      await work.over;
    });

    test('ends what a listener that is gone left over, when its time is over', async () => {
      const rig = await start();
      const work = await one.begin(rig.port());
      await rig.apply([], [{ kind: 'Listener', key: 'd/g/l' }]);
      expect(await timed(rig.plane.drain(200))).toBeLessThan(SOON);
      await work.over;
    });

    // What a protocol has no form of is no test of it, so that none counts as left out.
    const where = (has: boolean): typeof test | ((name: string, body: () => Promise<void>) => void) =>
      has ? test : () => {};

    where(one.idle !== undefined)('does not wait for who has nothing under way', async () => {
      const rig = await start();
      await one.idle!(rig.port());
      expect(await timed(rig.plane.drain(LONG))).toBeLessThan(SOON);
    });

    where(one.silent)('does not wait for who never said anything', async () => {
      const rig = await start();
      const client = net.connect({ port: rig.port(), host: '127.0.0.1', allowHalfOpen: true });
      clients.push(client.on('error', () => {}).resume());
      await once(client, 'connect');
      expect(await timed(rig.plane.drain(LONG))).toBeLessThan(SOON);
    });

    where(one.more !== undefined)('refuses new work', async () => {
      const rig = await start();
      const work = await one.begin(rig.port());
      const other = await one.more!(rig.port());
      const drained = rig.plane.drain(LONG);
      await expect(other.ask()).rejects.toThrow();
      await work.finish();
      await drained;
    });
  });
}
