/** What signals ask of a run. Taken from the first moment on, and told to whoever asks later. */

/** Milliseconds in which npm passes on a signal that its children have had from the terminal, too. */
const NPM_ECHO = 500;

/** Where the program's first lines leave a SIGTERM that came before anything else was loaded. */
export const EARLY_SIGNAL: symbol = Symbol.for('daemun.signal');

/** SIGTERM, SIGINT and SIGQUIT drain, SIGHUP reloads; the second of the former ends at once. */
export class Signals {
  /** The first signal that asks for the end. */
  readonly drain: Promise<NodeJS.Signals>;
  /** The second one. */
  readonly end: Promise<NodeJS.Signals>;
  readonly #leave: (signal: NodeJS.Signals) => void;
  #onReload: (() => void) | undefined;

  constructor({ hangUp = 'reload' }: { hangUp?: 'reload' | 'drain' } = {}) {
    const echoed = process.env.npm_lifecycle_event === undefined ? 0 : NPM_ECHO;
    const [drain, end] = [Promise.withResolvers<NodeJS.Signals>(), Promise.withResolvers<NodeJS.Signals>()];
    this.drain = drain.promise;
    this.#leave = drain.resolve;
    this.end = end.promise;
    let asked = Number.NaN;
    const onEnd = (signal: NodeJS.Signals): void => {
      if (performance.now() - asked < echoed) return;
      (Number.isNaN(asked) ? drain : end).resolve(signal);
      asked = performance.now();
    };
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) process.on(signal, onEnd);
    const early = (globalThis as Record<symbol, unknown>)[EARLY_SIGNAL];
    if (early !== undefined) onEnd(early as NodeJS.Signals);
    process.on('SIGHUP', hangUp === 'drain' ? onEnd : () => this.#onReload?.());
    // Node would open a debugger, to everybody on this machine.
    process.on('SIGUSR1', () => {});
    // Others mean "open the log again" or "take over" by it. It would end the process without a drain.
    process.on('SIGUSR2', () => {});
  }

  /** As a first signal does, by another way. A signal that comes later is the first one still, and cuts nothing off. */
  leave(): void {
    this.#leave('SIGTERM');
  }

  /** A reload that is asked for before is none: everything is read at the start. */
  onReload(reload: () => void): void {
    this.#onReload = reload;
  }
}
