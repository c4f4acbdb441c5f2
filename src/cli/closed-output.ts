/** A reader of the output that has seen enough, such as `head`, ends the command without a word. */
import { EXIT } from './exit-code.ts';

/** For whatever the command prints from now on. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.unread);
    process.stderr.write(`error: standard output: ${error.message}\n`);
    process.exit(EXIT.refused);
  });
  // Nobody is left to tell; what serves goes on.
  process.stderr.on('error', () => {});
}
