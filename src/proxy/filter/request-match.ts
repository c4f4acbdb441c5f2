/** Whether a request is one of those that a policy speaks of: one of the matches of an HTTPRoute's form. */
import type { HttpMatch } from '../../config/index.ts';
import { ARENA } from '../ground/arena.ts';
import type { Head } from '../ground/head.ts';
import { normalEscapes } from '../ground/path-form.ts';
import { sameBytes, wireText } from '../match/byte-map.ts';
import { type Condition, compileConditions, prefixText, type Reading } from '../match/condition.ts';
import { compileRegex, type Regex } from '../match/regex.ts';

type Test = Pick<Condition, 'holds'>;

export class RequestMatches {
  readonly #matches: ReadonlyArray<readonly Test[]>;

  /** Throws DMN_CONFIG_INVALID for what cannot be compiled. None: every request. */
  constructor(matches: readonly HttpMatch[], reading: Reading) {
    this.#matches = matches.map((match) => [...pathTests(match.path), ...compileConditions(match, { reading })]);
  }

  holds(head: Head): boolean {
    const matches = this.#matches;
    if (matches.length === 0) return true;
    for (let i = 0; i < matches.length; i++) {
      if (allHold(matches[i]!, head)) return true;
    }
    return false;
  }
}

function allHold(tests: readonly Test[], head: Head): boolean {
  for (let i = 0; i < tests.length; i++) if (!tests[i]!.holds(head)) return false;
  return true;
}

function pathTests({ type, value }: HttpMatch['path']): Test[] {
  switch (type) {
    case 'Exact': {
      const path = wireText(normalEscapes(value));
      return [{ holds: (head) => sameBytes(head.pathStart, head.pathEnd, path) }];
    }
    case 'PathPrefix': {
      const prefix = prefixText(normalEscapes(value));
      return prefix === '' ? [] : [{ holds: ({ pathStart, pathEnd }) => startsWith(pathStart, pathEnd, prefix) }];
    }
    case 'RegularExpression': {
      const regex: Regex = compileRegex(value);
      return [{ holds: ({ pathStart, pathEnd }) => regex.testBytes(pathStart, pathEnd) }];
    }
  }
}

function startsWith(start: number, end: number, prefix: string): boolean {
  const stop = start + prefix.length;
  if (stop > end || !sameBytes(start, stop, prefix)) return false;
  return stop === end || ARENA[stop] === 0x2f;
}
