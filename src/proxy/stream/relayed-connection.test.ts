import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccessEntry, Metrics } from '../../observe/index.ts';
import { DrainSet } from '../ground/drain.ts';
import { MemoryDriver, MemoryLink } from '../listen/memory-link.ts';
import { ListPicker, local, ManualTime } from './rig.suite.ts';
import { streamLimits } from './stream-limits.ts';
import { StreamMeter } from './stream-meter.ts';
import { createTcpRelay } from './tcp-relay.ts';

function memoryRig(attempts = 3) {
  const time = new ManualTime();
  const driver = new MemoryDriver();
  driver.onConnect = () => {};
  const entries: AccessEntry[] = [];
  const meter = new StreamMeter(new Metrics(), (entry) => entries.push(entry));
  const limits = streamLimits({ connectAttempts: attempts });
  const live = new DrainSet();
  const relay = createTcpRelay({ driver, wheel: time.wheel, limits, meter, live });
  const picker = new ListPicker([local(1), local(2), local(3)]);
  const client = new MemoryLink();
  const plan = { listener: 'ns/gw/tcp', route: 'TCPRoute/ns/a/0', next: () => ({ key: 'ns/a:1', picker }) };
  relay.accept(client, plan, { listener: 'ns/gw/tcp', protocol: 'tcp' });
  return { time, driver, entries, relay, live, picker, client };
}

describe('a relayed connection over links in memory', () => {
  it('pauses the sender above the mark and resumes it when the receiver has caught up', () => {
    const { driver, client } = memoryRig();
    const backend = driver.opened[0]!.link;
    backend.sink.onOpen();
    expect(client.paused).toBe(false);
    backend.deliver(Buffer.alloc(60_000));
    expect(backend.paused).toBe(false);
    backend.deliver(Buffer.alloc(10_000));
    expect(backend.paused).toBe(true);
    expect(client.take().length).toBe(70_000);
    expect(backend.paused).toBe(false);
  });

  it('keeps a buffer until the link has sent it, and uses it again only then', () => {
    const { driver, client } = memoryRig();
    const backend = driver.opened[0]!.link;
    backend.sink.onOpen();
    for (const letter of ['a', 'b', 'c']) backend.deliver(Buffer.alloc(10_000, letter));
    expect(client.take()).toBe(`${'a'.repeat(10_000)}${'b'.repeat(10_000)}${'c'.repeat(10_000)}`);
    for (const letter of ['d', 'e']) backend.deliver(Buffer.alloc(10_000, letter));
    expect(client.take()).toBe(`${'d'.repeat(10_000)}${'e'.repeat(10_000)}`);
  });

  it('does not hold it against the endpoint that this machine has no sockets left', () => {
    const { driver, picker, entries } = memoryRig(1);
    const error = Object.assign(new Error('too many files'), { code: 'EMFILE' });
    driver.opened[0]!.link.sink.onClose(error);
    expect(picker.down.size).toBe(0);
    expect(entries[0]!.reason).toBe('limit');
  });

  const STEPS = [
    'open',
    'refuse',
    'client bytes',
    'backend bytes',
    'client ends',
    'backend ends',
    'client resets',
    'backend resets',
    'client reads',
    'backend reads',
    'time',
    'long time',
  ] as const;
  type Step = (typeof STEPS)[number];
  const step = fc.constantFrom(...STEPS);

  /** Whatever happens in whatever order: nothing is lost, doubled or mixed up, and the end comes once. */
  it('holds its invariants whatever both sides do', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, atOnce) => {
        const run = new Run(atOnce);
        for (const each of steps) run.step(each);
        run.check();
        run.finish();
      }),
      { numRuns: 2_000 },
    );
  });

  class Run {
    readonly rig = memoryRig();
    readonly got = { client: '', backend: '' };
    readonly sent = { client: '', backend: '' };
    readonly ended = { client: false, backend: false };
    readonly gone = new Set<MemoryLink>();
    opened = false;
    #count = 0;

    /** `atOnce`: a link that is reset says so before `close` returns. */
    constructor(atOnce: boolean) {
      if (!atOnce) return;
      const watch = (link: MemoryLink) => {
        link.onSent = () => {
          if (link.closed !== 'reset' || this.gone.has(link)) return;
          this.gone.add(link);
          link.sink.onClose(undefined);
        };
      };
      this.rig.driver.onConnect = watch;
      for (const { link } of this.rig.driver.opened) watch(link);
      watch(this.rig.client);
    }

    get backend(): MemoryLink {
      return this.rig.driver.opened.at(-1)!.link;
    }

    step(step: Step): void {
      const { client } = this.rig;
      const { backend } = this;
      const alive = (link: MemoryLink) => !this.gone.has(link) && link.closed !== 'reset';
      switch (step) {
        case 'open':
          if (alive(backend) && !this.opened) {
            this.opened = true;
            backend.sink.onOpen();
          }
          break;
        case 'refuse':
          if (alive(backend) && !this.opened) this.#lose(backend, 'ECONNREFUSED');
          break;
        case 'client bytes':
          if (alive(client) && !this.ended.client && !client.paused) this.#bytes(client, 'client');
          break;
        case 'backend bytes':
          if (alive(backend) && this.opened && !this.ended.backend && !backend.paused) this.#bytes(backend, 'backend');
          break;
        case 'client ends':
          // Before the backend's connection is open the end may be known though the client is paused.
          if (alive(client) && !this.ended.client && !(client.paused && this.opened)) this.#end(client, 'client');
          break;
        case 'backend ends':
          if (alive(backend) && this.opened && !this.ended.backend && !backend.paused) this.#end(backend, 'backend');
          break;
        case 'client resets':
          if (alive(client)) this.#lose(client, 'ECONNRESET');
          break;
        case 'backend resets':
          if (alive(backend) && this.opened) this.#lose(backend, 'ECONNRESET');
          break;
        case 'client reads':
          this.got.client += client.take();
          break;
        case 'backend reads':
          this.got.backend += backend.take();
          break;
        case 'time':
          this.rig.time.pass(50);
          break;
        case 'long time':
          this.rig.time.pass(5_100);
          break;
        default:
          step satisfies never;
      }
      this.#settle();
    }

    /** What arrived is a prefix of what was sent, and an orderly end comes only after all of it. */
    check(): void {
      const { client, picker, relay, entries } = this.rig;
      const { backend } = this;
      this.got.client += client.take();
      this.got.backend += backend.take();
      expect(this.sent.client.startsWith(this.got.backend)).toBe(true);
      expect(this.sent.backend.startsWith(this.got.client)).toBe(true);
      if (this.opened && backend.closed === 'end') expect(this.got.backend).toBe(this.sent.client);
      if (this.opened && client.closed === 'end') expect(this.got.client).toBe(this.sent.backend);
      if (this.opened && relay.active > 0) {
        expect(backend.closed).toBe(this.ended.client ? 'end' : 'no');
        expect(client.closed).toBe(this.ended.backend ? 'end' : 'no');
      }
      for (const { link } of this.rig.driver.opened) {
        if (relay.active === 0 || link !== backend) expect(this.gone.has(link) || link.closed === 'reset').toBe(true);
      }
      expect(entries.length).toBe(relay.active === 0 ? 1 : 0);
      if (relay.active === 0) expect(picker.released.length).toBe(picker.picked.length);
    }

    /** Time takes away what is left. */
    finish(): void {
      this.rig.time.pass(20_000);
      this.rig.time.pass(50);
      if (this.opened) {
        this.rig.live.drain(0).catch(() => {});
        if (this.rig.relay.active > 0 && !this.gone.has(this.rig.client)) this.#lose(this.rig.client, 'ECONNRESET');
      }
      expect(this.rig.relay.active).toBe(0);
      expect(this.rig.entries).toHaveLength(1);
      expect(this.rig.picker.released.length).toBe(this.rig.picker.picked.length);
    }

    #bytes(link: MemoryLink, side: 'client' | 'backend'): void {
      const text = String.fromCharCode(97 + (this.#count++ % 26)).repeat(this.#count % 3 === 0 ? 20_000 : 10);
      this.sent[side] += text;
      link.deliver(text);
    }

    #end(link: MemoryLink, side: 'client' | 'backend'): void {
      this.ended[side] = true;
      link.sink.onEnd();
    }

    #lose(link: MemoryLink, code: string): void {
      this.gone.add(link);
      link.sink.onClose(Object.assign(new Error(code), { code }));
    }

    /** As a socket does: a link whose two directions have ended is closed, and so is one that was reset. */
    #settle(): void {
      const sides = [
        [this.rig.client, this.ended.client],
        [this.backend, this.ended.backend],
      ] as const;
      for (const [link, ended] of sides) {
        if (this.gone.has(link) || (link.closed !== 'reset' && !(link.closed === 'end' && ended))) continue;
        this.gone.add(link);
        link.sink.onClose(undefined);
      }
    }
  }
});
