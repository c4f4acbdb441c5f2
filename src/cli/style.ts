/** Colour, where somebody looks: on a terminal, and not where NO_COLOR asks for none. */
import { styleText } from 'node:util';

export type Tone = 'error' | 'warning' | 'good' | 'dim' | 'strong';

export type Paint = (tone: Tone, text: string) => string;

const FORMATS = {
  error: ['red', 'bold'],
  warning: ['yellow', 'bold'],
  good: 'green',
  dim: 'dim',
  strong: 'bold',
} as const;

export const plain: Paint = (_tone, text) => text;

const colours: Paint = (tone, text) => styleText([...[FORMATS[tone]].flat()], text, { validateStream: false });

export function paintFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Paint {
  const wanted = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return wanted ? colours : plain;
}
