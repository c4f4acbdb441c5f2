/** Options of everything that serves, wherever its config comes from. */
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import {
  ACCESS_FORMATS,
  AccessLog,
  checkTemplate,
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
} from '../observe/index.ts';
import { ipAddress, network } from './address.ts';
import { type CacheFlags, cacheDiskOf } from './cache-flag.ts';
import type { FleetSetup } from './fleet.ts';
import { type LimitFlags, limitsOf } from './limit-option.ts';
import { duration, each, usage } from './option.ts';
import { type PortMap, portMap } from './port-map.ts';
import { workerCount } from './worker-count.ts';

export interface ServingFlags extends LimitFlags, CacheFlags {
  portMap?: PortMap;
  bind?: string[];
  workers: number;
  logLevel: LogLevel;
  logFormat: LogFormat;
  accessLog: FleetSetup['accessLog'];
  accessLogFile?: string;
  drainDelay: number;
  drainTimeout: number;
  trustedHops?: string[];
  via?: boolean;
  countryDatabase?: string;
  zone?: string;
}

/** Where it listens. */
export function placeOptions(): Option[] {
  return [
    new Option('--port-map <from=to,...>', 'bind other ports than Gateways name').argParser(usage(portMap)),
    new Option('--bind <address>', 'address to listen on (repeatable; default: [::] and 0.0.0.0)').argParser(
      each(ipAddress),
    ),
  ];
}

export function workersOption(): Option {
  return new Option('--workers <n>', 'processes that serve, or auto for one a core')
    .argParser(usage(workerCount))
    .default(1);
}

export function logOptions(): Option[] {
  return [
    new Option('--log-level <level>', 'least severe messages that are logged').choices([...LOG_LEVELS]).default('info'),
    new Option('--log-format <format>', 'form of what goes to standard error')
      .choices([...LOG_FORMATS])
      .default('text'),
    new Option('--access-log <format>', "one line a request; also a template such as '{client} {status} {duration}'")
      .choices(['off', ...ACCESS_FORMATS])
      .argParser(usage((text) => accessFormat(text)))
      .default('off'),
    new Option('--access-log-file <file>', 'where it goes (default: standard output); may be moved away at any time'),
  ];
}

/** `delay` as a user would write it. */
export function drainOptions(delay: string): Option[] {
  return [
    new Option('--drain-delay <duration>', 'how long it goes on serving at the end until load balancers have noticed')
      .argParser(usage(duration))
      .default(duration(delay), delay),
    new Option('--drain-timeout <duration>', 'how long requests may take to finish at the end')
      .argParser(usage(duration))
      .default(30_000, '30s'),
  ];
}

/** How requests are seen and passed on. */
export function hopOptions(): Option[] {
  return [
    new Option(
      '--trusted-hops <cidr>',
      'networks whose X-Forwarded-* and X-Request-Id are believed (repeatable; default: none)',
    ).argParser(each(network)),
    new Option('--via', 'add a Via line to requests and answers (nginx backends compress nothing then)'),
  ];
}

export function countryOption(): Option {
  return new Option(
    '--country-database <file>',
    "countries of addresses in MaxMind's format (.mmdb), for AccessPolicies with countries; read anew when it changes",
  ).env('DAEMUN_COUNTRY_DATABASE');
}

export function zoneOption(): Option {
  return new Option('--zone <name>', 'zone that it runs in: endpoints that EndpointSlices hint at it for serve it').env(
    'NODE_ZONE',
  );
}

/** What every worker is told, but for what depends on who writes the endpoints. */
export function servingSetup(
  flags: ServingFlags & { bind: string[] },
  command: Command,
): Omit<FleetSetup, 'loopbackNames' | 'loopbackEndpoints'> {
  const map = flags.portMap ?? new Map<number, number>();
  if (flags.workers > 1 && [...map.values()].includes(0)) {
    command.error('error: --port-map to port 0 needs --workers 1: each worker would get a port of its own');
  }
  return {
    bind: flags.bind,
    portMap: [...map],
    trustedHops: flags.trustedHops ?? [],
    via: flags.via === true,
    ...(flags.zone ? { zone: flags.zone } : {}),
    accessLog: flags.accessLog,
    ...accessLogFile(flags, command),
    ...cacheDiskOf(flags, command),
    ...countryDatabaseOf(flags, command),
    limits: limitsOf(flags),
    drainTimeout: flags.drainTimeout,
  };
}

/** A file that nobody can read is a mistake of whoever starts this; one that goes later changes nothing. */
function countryDatabaseOf({ countryDatabase: path }: ServingFlags, command: Command): { countryDatabase?: string } {
  if (path === undefined) return {};
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    command.error(`error: --country-database ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { countryDatabase: resolve(path) };
}

function accessFormat(text: string): FleetSetup['accessLog'] {
  if (text === 'off') return text;
  const known = ACCESS_FORMATS.find((format) => format === text);
  if (known !== undefined) return known;
  if (!text.includes('{')) throw new Error(`allowed are off, ${ACCESS_FORMATS.join(', ')}, or a template with {field}`);
  checkTemplate(text);
  return text as `${string}{${string}`;
}

function accessLogFile({ accessLog, accessLogFile: path }: ServingFlags, command: Command): { accessLogFile?: string } {
  if (path === undefined) return {};
  if (accessLog === 'off') command.error('error: --access-log-file goes with --access-log');
  AccessLog.check(path);
  return { accessLogFile: resolve(path) };
}
