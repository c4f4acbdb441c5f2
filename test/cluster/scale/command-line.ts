/** The flags of `npm run scale`. */
import { parseArgs } from 'node:util';

export const PARTS = ['flip', 'one-by-one', 'at-once', 'services'] as const;
export type PartName = (typeof PARTS)[number];

/** The routes one after another are kept until the last one: a listener takes no more of them in a sensible time. */
export const MAX_ONE_BY_ONE = 3_000;

export const USAGE = `npm run scale -- [options]

  --at-once N     routes that are made at once (default 1000)
  --one-by-one N  routes one after another, at most ${MAX_ONE_BY_ONE} (default 300)
  --seconds N     how long a route flips (default 60)
  --services N    routes with as many Services (default 5000)
  --only PART     only this part (${PARTS.join(', ')}); may be repeated

Exit status: 0 where no request failed, 1 where one did or something did not come, 2 for a wrong command line.`;

export interface ScaleFlags {
  atOnce: number;
  oneByOne: number;
  seconds: number;
  services: number;
  parts: readonly PartName[];
}

/** Undefined where help is asked for; throws for what is wrong. */
export function readFlags(args: string[]): ScaleFlags | undefined {
  const { values } = parseArgs({
    args,
    options: {
      'at-once': { type: 'string', default: '1000' },
      'one-by-one': { type: 'string', default: '300' },
      seconds: { type: 'string', default: '60' },
      services: { type: 'string', default: '5000' },
      only: { type: 'string', multiple: true, default: [...PARTS] },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const wanted = values.only.map(partOf);
  const oneByOne = whole('--one-by-one', values['one-by-one']);
  if (oneByOne > MAX_ONE_BY_ONE) throw new Error(`--one-by-one must be ${MAX_ONE_BY_ONE} at most, not ${oneByOne}`);
  return {
    atOnce: whole('--at-once', values['at-once']),
    oneByOne,
    seconds: whole('--seconds', values.seconds),
    services: whole('--services', values.services),
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
