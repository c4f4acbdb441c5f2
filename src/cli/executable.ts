/** The program of the single executable: the command, or one of its workers. */
import { WORKER_WORD } from './package-place.ts';
import { EARLY_SIGNAL } from './signal.ts';

// Node would open a debugger, to everybody on this machine.
process.on('SIGUSR1', () => {});

if (process.argv[2] === WORKER_WORD && process.send !== undefined) {
  await import('./worker.ts');
} else {
  // A reload that is asked for before a run is loaded is none: everything is still to be read.
  if (process.argv[2] === 'run') process.on('SIGHUP', () => {});
  // The first process of a container is not ended by a signal that it has no handler for.
  if (/^(run|proxy|controller|dataplane)$/.test(process.argv[2] ?? '')) {
    process.on('SIGTERM', (signal) => {
      (globalThis as Record<symbol, unknown>)[EARLY_SIGNAL] = signal;
    });
  }
  const { main } = await import('./main.ts');
  await main(process.argv);
}
