/** `daemun demo`: serves the examples, with echoes behind them. */
import { Command } from 'commander';

const EXAMPLES = `
Example:
  $ daemun demo

Exit status: 0 after a drain, 1 when it cannot start, 2 for a wrong command line.`;

export function demoCommand(): Command {
  return new Command('demo')
    .summary('serve the examples and print what to try')
    .description(
      'Serves the examples of this package on ports 18080 (HTTP) and 18443 (HTTPS) with built-in echo backends.',
    )
    .addHelpText('after', EXAMPLES)
    .action(async () => {
      const { demo } = await import('../demo.ts');
      await demo();
    });
}
