/** What is asked of Daemun and of others, and what each of them does: the rows of docs/peers.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export interface Question {
  question: string;
  /** What the test sends. Absent: others are told of, and `daemun` names the test that shows it. */
  ask?: Ask;
  /** As observed; of what has no `ask`, a sentence. Of times, nginx's are as documented. */
  daemun: string;
  nginx: string;
  /** As recorded or documented, with `[SOURCE]`; absent: no source is known. */
  'ingress-nginx'?: string;
  'envoy-gateway'?: string;
}

/** A request, or one of the probes of probe.ts. */
export interface Ask {
  request?: string;
  /** Header lines besides Host; `*N` stands for N letters, `N times LINE` for as many with `#` counted. */
  lines?: string[];
  host?: string;
  /** As often as this, each over a connection of its own: all statuses that came, and the rest of the last. */
  times?: number;
  /** Bytes of a body. */
  body?: number;
  /** What the backend saw (`path`, `version`, or a header's name), or headers of the answer. */
  saw?: string;
  answer?: string[];
  probe?: string;
  /** nginx has no such thing, and is not asked. */
  alone?: true;
}

export interface Questions {
  /** Pages by the short names that cells have. */
  sources: Record<string, string>;
  groups: Array<{ group: string; questions: Question[] }>;
}

export function questions(): Questions {
  return parse(readFileSync(join(import.meta.dirname, 'questions.yaml'), 'utf8')) as Questions;
}
