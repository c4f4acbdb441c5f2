/** Reads what the suite says: shows each test as it ends, counts, and keeps everything. */
import type { ChildProcessByStdio } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Lines that are shown of a test that failed. */
const SHOWN = 40;

/** SYN, before what Go itself says, in the form for programs. */
const MARK = 0x16;

type Suite = ChildProcessByStdio<null, Readable, Readable>;

export class Progress {
  passed = 0;
  failed = 0;
  readonly #log: WriteStream;
  readonly #began = performance.now();
  readonly #shown = new Set<string>();
  /** Lines of each test that is under way or failed, by its name. */
  readonly #said = new Map<string, string[]>();
  readonly #failures: string[] = [];
  /** Of which test the next lines are. */
  #speaker = '';

  constructor(log: string) {
    this.#log = createWriteStream(log);
  }

  get seconds(): number {
    return Math.round((performance.now() - this.#began) / 1000);
  }

  /** Answers how the suite ended. */
  async follow(child: Suite): Promise<number | null> {
    const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
    child.stderr.on('data', (bytes: Buffer) => this.#log.write(bytes));
    for await (const line of createInterface({ input: child.stdout })) this.#line(line);
    const code = await ended;
    await new Promise<void>((resolve) => this.#log.end(resolve));
    // Before its first test, after its last one, or by a panic.
    if (code !== 0 && this.failed === 0) this.#suiteFailed();
    return code;
  }

  failures(): string {
    return this.#failures
      .map((name) => {
        const lines = this.#said.get(name) ?? [];
        return `--- ${name}\n${lines.slice(-SHOWN).join('\n')}\n`;
      })
      .join('\n');
  }

  #line(marked: string): void {
    // Marks what is Go's own word.
    const line = marked.charCodeAt(0) === MARK ? marked.slice(1) : marked;
    this.#log.write(`${line}\n`);
    const turn = /^=== (?:RUN|CONT|NAME|PAUSE) +TestConformance(?:\/([^/\s]+))?/.exec(line);
    if (turn !== null) {
      this.#speaker = turn[1] ?? '';
      return;
    }
    const end = /^ *--- (PASS|FAIL|SKIP): TestConformance\/([^/\s]+) \(([\d.]+)s\)/.exec(line);
    if (end !== null) return this.#ended(end[2]!, end[1]!, Number(end[3]));
    // What is before the tests has no name, and may take long.
    const step =
      /^ +(?:conformance|suite|kubernetes|apply)\.go:\d+: (?:\S+Z: )?((?:Creating|Waiting|Test Setup).*)/.exec(line);
    if (step !== null && this.#speaker === '') console.log(`    ${step[1]}`);
    const lines = this.#said.get(this.#speaker);
    if (lines === undefined) this.#said.set(this.#speaker, [line]);
    else lines.push(line);
  }

  #ended(name: string, how: string, seconds: number): void {
    if (this.#shown.has(name)) return;
    this.#shown.add(name);
    // What is left out because nobody claims it is in no count, as in the report.
    if (how === 'SKIP') return;
    if (how === 'PASS') {
      this.passed++;
      this.#said.delete(name);
    } else {
      this.failed++;
      this.#failures.push(name);
    }
    console.log(`${String(this.passed + this.failed).padStart(3)} ${how} ${name} ${seconds.toFixed(1)} s`);
  }

  #suiteFailed(): void {
    this.failed++;
    this.#failures.push('');
  }
}
