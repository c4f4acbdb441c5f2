/** `daemun explain`: why a request goes where it goes. */
import { Command, Option } from 'commander';
import { isAddress } from '../../value/network.ts';
import { adminTokenOption } from '../admin-option.ts';
import { afterOptions } from '../after-options.ts';
import { certificateOption, readCertificates } from '../certificate-flag.ts';
import { asksForCluster, clusterOptions } from '../cluster-option.ts';
import { echoOption, endpointOption, readEndpoints } from '../endpoint-flag.ts';
import type { ExplainFlags } from '../explain/explain-flags.ts';
import { adminOption, CLUSTER_CONTROLLER, controllerOption, each, filesOption, usage } from '../option.ts';
import { portMap } from '../port-map.ts';

const EXAMPLES = `
Examples:
  $ daemun explain manifests/ https://shop.example.com/cart
  $ daemun explain -f manifests/ http://api.example.com/ -X POST -H 'x-version: next'
  $ daemun explain --admin 127.0.0.1:15000 http://shop.example.com/ -o json
  $ daemun explain -f manifests/ grpc://api.example.com/shop.Cart/Add
  $ daemun explain --context production --gateway shop/edge https://shop.example.com/
  $ daemun explain -f manifests/ tls://db.example.com:5432
  $ daemun explain -f manifests/ udp://:53
  $ daemun explain -f manifests/ http://api.example.com/ -H 'authorization: Bearer eyJ…' --client-address 10.1.2.3
  $ daemun explain -f manifests/ http://api.example.com/admin --claim sub=ann --claim groups=admin
  $ daemun explain -f manifests/ policy/per-client

Exit status: 0 a backend, a filter or a policy answers, 1 a policy refuses the request or it ends in an error (401, 403, 404, 429, 500 …), 2 for a wrong command line.`;

export function explainCommand(): Command {
  const command = new Command('explain')
    .summary('tell why a request goes where it goes')
    .description(
      'Tells which listener, route and rule take a request and why, what its filters do and which backends answer; ' +
        'or why nothing matches, and what comes closest.',
    )
    .argument(
      '[path-or-url...]',
      'the URL, and files or folders as with -f. URLs: http(s):// with host, port and path, grpc://host/service/method, tls://name:port, tcp://:port or udp://:port',
    )
    .addOption(filesOption().conflicts('admin'))
    .addOption(adminOption())
    .option('-X, --request <method>', 'method', 'GET')
    .addOption(new Option('-H, --header <name: value>', 'header of the request (repeatable)').argParser(each(header)))
    .addOption(
      new Option('--cookie <name=value>', 'cookie of the request (repeatable)').argParser(
        each((text) => pair('=')(text).join('=')),
      ),
    )
    .addOption(
      new Option('--client-address <ip>', 'where the connection comes from').argParser(usage((text) => address(text))),
    )
    .addOption(new Option('--client-certificate <file>', "the client's certificate (PEM), taken for verified"))
    .addOption(new Option('--body-size <bytes>', 'of the request').argParser(usage((text) => bytes(text))))
    .addOption(
      new Option(
        '--claim <name=value>',
        'who asks, in the place of authentication (repeatable; one name more than once: a list)',
      ).argParser(each(pair('='))),
    )
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addOption(controllerOption(`all, of a cluster ${CLUSTER_CONTROLLER}`))
    .addOption(endpointOption().conflicts('admin'))
    .addOption(echoOption())
    .addOption(
      new Option('--port-map <from=to,...>', 'as given to run: the URL may have either port')
        .argParser(usage(portMap))
        .conflicts('admin'),
    )
    .addOption(certificateOption().conflicts('admin'))
    .addOption(adminTokenOption())
    .addOption(new Option('--gateway <namespace/name>', 'of several Gateways of a cluster, the one that is asked'))
    .usage('(<path...> | --admin <host:port> | --context <name>) <url> [options]')
    .addHelpText('after', afterOptions(EXAMPLES))
    .action(async (words: string[], flags: ExplainFlags, command: Command) => {
      const url =
        urlAmong(words, flags) ??
        command.error('error: name the URL to explain with its scheme, such as http://shop.example.com/cart');
      const { explain, isQuestion } = await import('../explain/index.ts');
      if (!isQuestion(url)) {
        command.error(`error: "${url}" is not a URL such as http://shop.example.com/cart or tcp://:5432`);
      }
      const cluster = asksForCluster(flags);
      if (!flags.file && !flags.admin && !cluster)
        command.error('error: name manifests with -f, a running gateway with --admin, or a cluster with --context');
      if (flags.file && flags.admin)
        command.error('error: name either manifests or a running gateway with --admin, not both');
      if (cluster && (flags.file || flags.admin))
        command.error('error: name a cluster alone, without manifests and without --admin');
      const endpoints = await readEndpoints(flags.endpoint, command);
      const certificates = await readCertificates(flags.certificate, command);
      process.exitCode = await explain(url, { ...flags, endpoints, certificates });
    });
  for (const option of clusterOptions()) command.addOption(option);
  return command;
}

/**
 * The URL may stand before the paths or after them, and `-f` takes every word that follows it. A lone word that is no
 * URL was meant to be one.
 */
function urlAmong(words: readonly string[], flags: ExplainFlags): string | undefined {
  const all = [...words, ...(flags.file ?? [])];
  const url = all.find((word) => /^[a-z]+:\/\/|^policy\//i.test(word)) ?? words.at(-1);
  const paths = all.filter((word) => word !== url);
  flags.file = paths.length > 0 ? paths : undefined;
  return url;
}

/** Two parts of a text; what is one goes to another reader. */
function pair(between: string): (text: string) => readonly [string, string] {
  return (text) => {
    const at = text.indexOf(between);
    if (at < 1) throw new Error(`"${text}" is not NAME${between}VALUE`);
    return [text.slice(0, at), text.slice(at + between.length)];
  };
}

function address(text: string): string {
  if (!isAddress(text)) throw new Error(`"${text}" is not an address, such as 10.1.2.3`);
  return text;
}

function bytes(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new Error(`"${text}" is not a number of bytes, such as 1048576`);
  return Number(text);
}

function header(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw new Error(`"${text}" is not NAME: VALUE`);
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}
