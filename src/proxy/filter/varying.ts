/** An answer depends on one more line of the request: one Vary says them all, since some who read it look at one only. */
import type { AnswerScope } from './filter.ts';
import { HeaderPatch } from './header-patch.ts';

const DROPS: ReadonlySet<string> = new Set(['vary']);

export function varying(answer: Pick<AnswerScope, 'values'>, name: string): HeaderPatch {
  const lines = answer.values('vary');
  const named = lines.flatMap((line) => line.split(',')).map((one) => one.trim());
  const said = named.some((one) => one === '*' || one.toLowerCase() === name.toLowerCase());
  if (said && lines.length === 1) return HeaderPatch.NONE;
  const all = [...new Set(named.filter((one) => one !== ''))];
  return new HeaderPatch(DROPS, [{ name: 'Vary', value: (said ? all : [...all, name]).join(', ') }]);
}
