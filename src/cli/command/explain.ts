/** `daemun explain`: why a request goes where it goes. */
import { Command, Option } from 'commander';
import { adminTokenOption } from '../admin-option.ts';
import { echoOption, endpointOption, readEndpoints } from '../endpoint-flag.ts';
import type { ExplainFlags } from '../explain/explain-flags.ts';
import { adminOption, controllerOption, each, filesOption } from '../option.ts';

const EXAMPLES = `
Examples:
  $ daemun explain -f manifests/ https://shop.example.com/cart
  $ daemun explain -f manifests/ http://api.example.com/ -X POST -H 'x-version: next'
  $ daemun explain --admin 127.0.0.1:15000 http://shop.example.com/ -o json
  $ daemun explain -f manifests/ grpc://api.example.com/shop.Cart/Add
  $ daemun explain -f manifests/ tls://db.example.com:5432
  $ daemun explain -f manifests/ udp://:53

Exit status: 0 a backend or a filter answers, 1 the request ends in an error (404, 421, 500, 503), 2 for a wrong command line.`;

export function explainCommand(): Command {
  return new Command('explain')
    .summary('tell why a request goes where it goes')
    .description(
      'Tells which listener, route and rule take a request and why, what its filters do and which backends answer;\n' +
        'or why nothing matches, and what comes closest.',
    )
    .argument(
      '[url]',
      'http(s):// with host, port and path, grpc://host/service/method, tls://name:port, tcp://:port or udp://:port',
    )
    .addOption(filesOption().conflicts('admin'))
    .addOption(adminOption())
    .option('-X, --request <method>', 'method', 'GET')
    .addOption(new Option('-H, --header <name: value>', 'header of the request (repeatable)').argParser(each(header)))
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addOption(controllerOption())
    .addOption(endpointOption().conflicts('admin'))
    .addOption(echoOption())
    .addOption(adminTokenOption())
    .usage('(-f <path...> | --admin <host:port>) <url> [options]')
    .addHelpText('after', EXAMPLES)
    .action(async (argument: string | undefined, flags: ExplainFlags, command: Command) => {
      const url = argument ?? urlAmong(flags) ?? command.error('error: name the URL to explain');
      if (!flags.file && !flags.admin)
        command.error('error: name manifests with -f, or a running gateway with --admin');
      const { explain, isQuestion } = await import('../explain/index.ts');
      if (!isQuestion(url)) {
        command.error(`error: "${url}" is not a URL such as http://shop.example.com/cart or tcp://:5432`);
      }
      const endpoints = await readEndpoints(flags.endpoint, command);
      process.exitCode = await explain(url, { ...flags, endpoints });
    });
}

/** `-f` takes every word that follows, and so the URL that stands last. */
function urlAmong(flags: ExplainFlags): string | undefined {
  const url = flags.file?.find((path) => /^[a-z]+:\/\//i.test(path));
  flags.file = flags.file?.filter((path) => path !== url);
  return url;
}

function header(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw new Error(`"${text}" is not NAME: VALUE`);
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}
