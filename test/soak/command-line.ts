/** The flags of `npm run soak`. */
import { parseArgs } from 'node:util';
import { FAULTS, type Fault } from './fault.ts';
import { TRAFFIC, type TrafficKind } from './traffic/index.ts';

export const USAGE = `npm run soak -- [options]

  --minutes N   how long, warm-up included (default 8)
  --clients N   clients of each kind (default 2)
  --workers N   workers of the gateway (default 1)
  --only TEXT   only kinds of exchange whose name has this in it; may be repeated
  --fault NAME  put a fault in, to see that it is found (${FAULTS.join(', ')}); may be repeated

Exit status: 0 where nothing failed and nothing grew, 1 where something did, 2 for a wrong command line.`;

export interface SoakFlags {
  minutes: number;
  clients: number;
  workers: number;
  kinds: TrafficKind[];
  faults: Fault[];
}

/** Undefined where help is asked for; throws for what is wrong. */
export function readFlags(args: string[]): SoakFlags | undefined {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '8' },
      clients: { type: 'string', default: '2' },
      workers: { type: 'string', default: '1' },
      only: { type: 'string', multiple: true, default: [''] },
      fault: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const kinds = TRAFFIC.filter(({ name }) => values.only.some((text) => name.includes(text)));
  if (kinds.length === 0) throw new Error(`no kind of exchange is called that: ${values.only.join(', ')}`);
  return {
    minutes: positive('--minutes', values.minutes),
    clients: Math.ceil(positive('--clients', values.clients)),
    workers: Math.ceil(positive('--workers', values.workers)),
    kinds,
    faults: values.fault.map(faultOf),
  };
}

function positive(flag: string, text: string): number {
  const number = Number(text);
  if (number > 0 && Number.isFinite(number)) return number;
  throw new Error(`${flag} must be a number above 0, not ${text}`);
}

function faultOf(name: string): Fault {
  const fault = FAULTS.find((known) => known === name);
  if (fault === undefined) throw new Error(`there is no fault called ${name}, but ${FAULTS.join(', ')}`);
  return fault;
}
