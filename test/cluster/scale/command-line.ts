/** The flags of `npm run scale`. */
import { parseArgs } from 'node:util';
import { DAEMUN, type Implementation, other } from './implementation.ts';

export const PARTS = [
  'flip',
  'one-by-one',
  'at-once',
  'services',
  'endpoints',
  'backends',
  'data-planes',
  'replicas',
  'controllers',
  'outage',
  'slow-store',
  'tenant',
  'command',
  'listener-sets',
] as const;
export type PartName = (typeof PARTS)[number];

/** Without `--only`: what takes longer, or needs something of the machine, is asked for. */
const ASKED_FOR: readonly PartName[] = ['outage', 'slow-store', 'tenant', 'command', 'listener-sets'];
const USUAL: readonly PartName[] = PARTS.filter((part) => !ASKED_FOR.includes(part));

/** The routes one after another are kept until the last one: a listener takes no more of them in a sensible time. */
export const MAX_ONE_BY_ONE = 3_000;

export const USAGE = `npm run scale -- [options]

  --at-once N         routes that are made at once (default 1000)
  --one-by-one N      routes one after another, at most ${MAX_ONE_BY_ONE} (default 300)
  --most MS           milliseconds at most until one of those is served, p99; absent: told only
  --seconds N         how long a route flips, endpoints change, and the API server or its store suffers (default 60)
  --services N        routes with as many Services (default 5000)
  --listener-sets N   ListenerSets with 16 routes each (default 2500), and ...
  --minutes N         ... minutes after which no more are made (default 15)
  --tenant-routes N   routes of a tenant who floods a listener (default 10000)
  --rate N            requests a second while something changes (default 500)
  --command LINE      for the part of this name: what is done meanwhile, such as taking the API server away for a minute
  --only PART         only this part (${PARTS.join(', ')}); may be repeated
  --class NAME        another GatewayClass than daemun, with ...
  --controllers NS/S  ... namespace and selector of its controllers, and ...
  --data-planes NS/S  ... of its data planes

Exit status: 0 where no request failed, 1 where one did or something did not come, 2 for a wrong command line.`;

export interface ScaleFlags {
  atOnce: number;
  oneByOne: number;
  most: number | undefined;
  seconds: number;
  services: number;
  listenerSets: number;
  minutes: number;
  tenantRoutes: number;
  rate: number;
  command: string;
  implementation: Implementation;
  parts: readonly PartName[];
}

const OPTIONS = {
  'at-once': { type: 'string', default: '1000' },
  'one-by-one': { type: 'string', default: '300' },
  most: { type: 'string' },
  seconds: { type: 'string', default: '60' },
  services: { type: 'string', default: '5000' },
  'listener-sets': { type: 'string', default: '2500' },
  minutes: { type: 'string', default: '15' },
  'tenant-routes': { type: 'string', default: '10000' },
  rate: { type: 'string', default: '500' },
  command: { type: 'string' },
  only: { type: 'string', multiple: true },
  class: { type: 'string' },
  controllers: { type: 'string', default: '' },
  'data-planes': { type: 'string', default: '' },
  help: { type: 'boolean', default: false },
} as const;

/** Undefined where help is asked for; throws for what is wrong. */
export function readFlags(args: string[]): ScaleFlags | undefined {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) return undefined;
  const wanted = values.only?.map(partOf) ?? USUAL;
  const oneByOne = whole('--one-by-one', values['one-by-one']);
  if (oneByOne > MAX_ONE_BY_ONE) throw new Error(`--one-by-one must be ${MAX_ONE_BY_ONE} at most, not ${oneByOne}`);
  if (wanted.includes('command') && values.command === undefined) throw new Error('the part command needs --command');
  const { class: name, controllers } = values;
  return {
    atOnce: whole('--at-once', values['at-once']),
    oneByOne,
    most: values.most === undefined ? undefined : whole('--most', values.most),
    seconds: whole('--seconds', values.seconds),
    services: whole('--services', values.services),
    listenerSets: whole('--listener-sets', values['listener-sets']),
    minutes: whole('--minutes', values.minutes),
    tenantRoutes: whole('--tenant-routes', values['tenant-routes']),
    rate: whole('--rate', values.rate),
    command: values.command ?? '',
    implementation: name === undefined ? DAEMUN : other(name, controllers, values['data-planes']),
    parts: PARTS.filter((part) => wanted.includes(part)),
  };
}

function whole(flag: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`${flag} must be a whole number above 0, not ${text}`);
}

function partOf(text: string): PartName {
  const part = PARTS.find((known) => known === text);
  if (part === undefined) throw new Error(`there is no part called ${text}, but ${PARTS.join(', ')}`);
  return part;
}
