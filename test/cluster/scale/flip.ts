/** A route that changes its backend and a filter all the time: no request fails, and none sees half of a change. */
import { setTimeout as delay } from 'node:timers/promises';
import { Asker, MARK, said } from './asker.ts';
import { hostOf, type Stage } from './stage.ts';

const PART = 'flip';
/** Milliseconds between two changes. */
const EVERY = 200;
/** Milliseconds between two looks at what is answered. */
const LOOK = 40;
/** Milliseconds until the last change must be served. */
const LAST = 10_000;

const rule = (service: string): object => ({
  filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: MARK, value: service }] } }],
  backendRefs: [{ name: service, port: 8080 }],
});

export async function flip(stage: Stage, { seconds, rate }: { seconds: number; rate: number }): Promise<void> {
  const { tally } = stage;
  await stage.create(stage.routes, stage.route('flip', 'a'));
  await stage.patch(`${stage.routes}/flip`, { spec: { rules: [rule('a')] } });
  await stage.programmed(1);
  const host = hostOf('flip');
  await stage.under({ part: PART, host, rate }, async () => {
    const witness = new Witness(stage, host);
    const watching = witness.watch();
    const changes = await flipping(stage, seconds);
    await witness.sees(changes % 2 === 0 ? 'a' : 'b');
    witness.stop();
    await watching;
    tally.figure(PART, 'changes of backend and filter', `${changes} in ${seconds} s`);
    tally.figure(PART, 'looks, with half of a change', `${witness.looks}, ${witness.halves}`, '0 halves');
    tally.figure(PART, 'changes that a look every 40 ms met', String(witness.turns));
  });
  await stage.clear();
}

/** How often it changed. */
async function flipping(stage: Stage, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let changes = 0;
  for (let next = performance.now(); next < end; next += EVERY) {
    await delay(Math.max(0, next - performance.now()));
    changes++;
    await stage.patch(`${stage.routes}/flip`, { spec: { rules: [rule(changes % 2 === 0 ? 'a' : 'b')] } });
    if (changes % 50 === 0) stage.tally.progress(`${PART}: ${changes} changes`);
    // The API server may be slower than that.
    next = Math.max(next, performance.now() - EVERY);
  }
  return changes;
}

/** Looks at which backend answered, and with which filter. */
class Witness {
  looks = 0;
  halves = 0;
  turns = 0;
  #last = '';
  #over = false;
  readonly #stage: Stage;
  readonly #host: string;

  constructor(stage: Stage, host: string) {
    this.#stage = stage;
    this.#host = host;
  }

  async watch(): Promise<void> {
    const asker = new Asker(this.#stage.address);
    while (!this.#over) {
      const answer = await asker.ask(this.#host);
      this.looks++;
      const { status, mark = '', body } = answer;
      // The pods of a Deployment begin with its name.
      const pod = /"pod":\s*"([^"-]+)-/.exec(body)?.[1] ?? '';
      if (status !== 200) this.#stage.tally.fail(`${PART}: a look: ${said(answer)}`);
      else if (pod !== mark) {
        this.halves++;
        this.#stage.tally.fail(`${PART}: the filter of ${mark || 'none'} with an answer of ${pod || 'nobody'}`);
      } else if (mark !== this.#last) {
        this.turns++;
        this.#last = mark;
      }
      await delay(LOOK);
    }
    asker.close();
  }

  async sees(service: string): Promise<void> {
    const end = performance.now() + LAST;
    while (this.#last !== service) {
      if (performance.now() > end) {
        this.#stage.tally.fail(`${PART}: the last change is not served after ${LAST / 1000} s`);
        return;
      }
      await delay(LOOK);
    }
  }

  stop(): void {
    this.#over = true;
  }
}
