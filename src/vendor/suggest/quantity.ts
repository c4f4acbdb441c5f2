/** How others write sizes and durations. */
import type { Fate, Fields } from '../fields.ts';

const BINARY: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const QUANTITY: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
};

/** Bytes, as nginx writes them. */
export function nginxSize(fields: Fields, name: string, fate: Fate = {}): number | undefined {
  return sized(fields, name, { fate, units: BINARY, lower: true });
}

/** A quantity of Kubernetes. */
export function quantity(fields: Fields, name: string, fate: Fate = {}): number | undefined {
  return sized(fields, name, { fate, units: QUANTITY, lower: false });
}

interface SizeForm {
  fate: Fate;
  units: Readonly<Record<string, number>>;
  lower: boolean;
}

function sized(fields: Fields, name: string, { fate, units, lower }: SizeForm): number | undefined {
  const value = fields.any(name, fate);
  if (value === undefined) return undefined;
  if (typeof value === 'number') return value;
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(String(value)) ?? [];
  const factor = units[lower ? unit.toLowerCase() : unit];
  if (number !== undefined && factor !== undefined) return Math.round(Number(number) * factor);
  fields.refuse(name, `${String(value)} is no size that can be read`);
  return undefined;
}

/** A duration of nginx (no unit: seconds) or of Kubernetes, as the Gateway API writes it. */
export function duration(fields: Fields, name: string, fate: Fate = {}): string | undefined {
  const value = fields.any(name, fate);
  if (value === undefined) return undefined;
  const text = String(value);
  if (/^\d+$/.test(text)) return `${text}s`;
  if (/^(?:\d{1,5}(?:h|m|s|ms)){1,4}$/.test(text)) return text;
  fields.refuse(name, `${text} is no duration that can be read`);
  return undefined;
}
