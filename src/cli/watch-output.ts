/** `--watch`: prints again whenever what would be printed has changed, until a signal ends it. */
import { errorLine } from './error-text.ts';
import { Signals } from './signal.ts';

export interface Watching {
  output: 'table' | 'wide' | 'json' | 'yaml';
  /** Calls back whenever there may be something new; answers how to end that. */
  onChange(again: () => void): (() => void) | undefined;
}

/** Milliseconds from one look at a running gateway to the next. */
const LOOK_INTERVAL = 1000;

/** For what does not tell by itself. */
export function everySecond(again: () => void): () => void {
  const timer = setInterval(again, LOOK_INTERVAL);
  return () => clearInterval(timer);
}

/** Throws where the first look does; later ones are told, once each, and tried again. */
export async function watchOutput(look: () => Promise<string>, { output, onChange }: Watching): Promise<void> {
  const signals = new Signals({ hangUp: 'drain' });
  let shown = await look();
  process.stdout.write(shown);
  let trouble = '';
  const again = async (): Promise<void> => {
    try {
      const now = await look();
      if (now !== shown || trouble !== '') process.stdout.write(`${between(output)}${now}`);
      shown = now;
      trouble = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== trouble) process.stderr.write(errorLine(`error: ${message}`));
      trouble = message;
    }
  };
  // One look at a time, in the order in which they were asked for.
  let looks = Promise.resolve();
  const end = onChange(() => {
    looks = looks.then(again);
  });
  await signals.drain;
  end?.();
}

/** What stands before each but the first, so that programs can tell them apart: JSON needs nothing. */
function between(output: Watching['output']): string {
  if (output === 'json') return '';
  return output === 'yaml' ? '---\n' : `\n${new Date().toISOString()}\n`;
}
