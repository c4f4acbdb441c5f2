/** `daemun version`: what runs here. */
import { Command, Option } from 'commander';
import { afterOptions } from '../after-options.ts';
import { packageVersion } from '../version.ts';

const EXAMPLES = `
Examples:
  $ daemun version
  $ daemun version -o json | jq -r .version

Exit status: 0, 2 for a wrong command line.`;

export function versionCommand(): Command {
  return new Command('version')
    .summary('show the version of this command and of what it runs on')
    .description('Shows the version of this command, of Node.js and of OpenSSL, and the platform.')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', afterOptions(EXAMPLES))
    .action(({ output }: { output: 'text' | 'json' }) => {
      const { node, openssl } = process.versions;
      const version = packageVersion();
      const platform = `${process.platform} ${process.arch}`;
      const text = `daemun ${version}\nnode ${node}, openssl ${openssl}, ${platform}`;
      process.stdout.write(`${output === 'json' ? JSON.stringify({ version, node, openssl, platform }) : text}\n`);
    });
}
