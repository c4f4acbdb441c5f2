/** `daemun demo`: serves the examples, with echoes behind them. */
import { Command, Option } from 'commander';
import { type HostPort, hostPort } from '../address.ts';
import { afterOptions } from '../after-options.ts';
import { ADMIN_DEFAULT, usage } from '../option.ts';
import { type PortMap, portMap } from '../port-map.ts';
import { Signals } from '../signal.ts';

interface DemoFlags {
  portMap: PortMap;
  admin?: HostPort;
}

const EXAMPLES = `
Example:
  $ daemun demo

Exit status: 0 after a drain, 1 when it cannot start, 2 for a wrong command line.`;

const DEFAULT_PORTS = '80=18080,443=18443';

export function demoCommand(): Command {
  return new Command('demo')
    .summary('serve the examples and print what to try')
    .description(
      'Serves the examples of this package on this machine, with built-in echo backends, and prints what to try.',
    )
    .addOption(
      new Option('--port-map <from=to,...>', 'ports to bind')
        .argParser(usage((text) => portMap(text)))
        .default(portMap(DEFAULT_PORTS), DEFAULT_PORTS),
    )
    .addOption(
      new Option('--admin <host:port>', 'where the admin API listens (default: 127.0.0.1:15000)').argParser(
        usage((text) => hostPort(text, { anyPort: true })),
      ),
    )
    .addHelpText('after', afterOptions(EXAMPLES))
    .action(async ({ portMap: ports, admin }: DemoFlags) => {
      // The demo belongs to its terminal.
      const signals = new Signals({ hangUp: 'drain' });
      const { demo } = await import('../demo.ts');
      await demo({ signals, portMap: ports, admin: { address: admin ?? ADMIN_DEFAULT, asked: admin !== undefined } });
    });
}
