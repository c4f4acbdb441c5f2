import type { HttpMatch } from '../../config/index.ts';
import { ARENA } from '../ground/arena.ts';
import type { Head } from '../ground/head.ts';
import { normalEscapes } from '../ground/path-form.ts';
import { bytesHash, sameBytes, wireText } from '../match/byte-map.ts';
import { type Condition, compileConditions, GRPC_CALL, prefixText } from '../match/condition.ts';
import { compileRegex, isReadable, literalStart, type Regex, readableRegex } from '../match/regex.ts';

const SLASH = 47;

export interface PlannedOf {
  index: number;
  broken: boolean;
  /** Of a GRPCRoute. */
  grpc: boolean;
  /** Of the path's value; absent: the normal form. */
  form?: (path: string) => string;
}

/** A match, compiled once for its rule whatever the hosts it serves. */
export class PlannedMatch {
  readonly index: number;
  /** Nothing is known of the paths that it was to take; it comes before all others that take any path. */
  readonly unreadable: boolean;
  readonly path: HttpMatch['path'];
  /** The path as it is compared with a request's: in normal form, one character a byte, a prefix without its last '/'. */
  readonly pathText: string;
  readonly pathHash: number;
  /** Path elements of a prefix. */
  readonly depth: number;
  readonly regex: Regex | undefined;
  /** What a path must start with before its expression is tried. */
  readonly regexStart: string;
  readonly conditions: ReadonlyArray<Condition>;
  /** How many conditions of each kind, for precedence. */
  readonly methods: number;
  readonly headers: number;
  readonly parameters: number;
  /** The same for listeners that keep paths as they come: with the path as it was written. */
  readonly asWritten: PlannedMatch;

  /** `broken`: the rule answers 500 to all that it takes, and takes all that it may have meant to. */
  constructor(match: HttpMatch, of: PlannedOf) {
    const { index, broken, grpc, form = normalEscapes } = of;
    const compile = broken ? readableRegex : compileRegex;
    this.index = index;
    this.unreadable = broken && isUnknown(match.path);
    this.path = this.unreadable ? ROOT : match.path;
    const value = this.path.type === 'RegularExpression' ? this.path.value : form(this.path.value);
    this.pathText = this.path.type === 'PathPrefix' ? prefixText(value) : wireText(value);
    this.pathHash = bytesHash(this.pathText);
    this.depth = this.pathText.split('/').length - 1;
    const expression = this.path.type === 'RegularExpression' ? this.path.value : undefined;
    this.regex = expression === undefined ? undefined : compile(expression);
    this.regexStart = expression === undefined ? '' : literalStart(expression);
    this.conditions = [...(grpc ? [GRPC_CALL] : []), ...compileConditions(match, { compile })];
    this.methods = this.conditions.filter((condition) => condition.kind === 'method').length;
    this.headers = this.conditions.filter((condition) => condition.kind === 'header').length;
    this.parameters = this.conditions.filter((condition) => condition.kind === 'query').length;
    this.asWritten = value === this.path.value ? this : new PlannedMatch(match, { ...of, form: unchanged });
  }

  /** The path holds. `match` looks paths up instead; this is for explanations, which ask one candidate at a time. */
  takesPath(head: Head): boolean {
    const { pathStart: start, pathEnd: end } = head;
    const text = this.pathText;
    switch (this.path.type) {
      case 'Exact':
        return sameBytes(start, end, text);
      case 'RegularExpression':
        return this.regex!.testBytes(start, end);
      case 'PathPrefix':
        if (end - start < text.length || !sameBytes(start, start + text.length, text)) return false;
        return text.length === 0 || end - start === text.length || ARENA[start + text.length] === SLASH;
    }
  }

  /** Everything but host and path holds. */
  admits(head: Head): boolean {
    const { conditions } = this;
    for (let i = 0; i < conditions.length; i++) if (!conditions[i]!.holds(head)) return false;
    return true;
  }
}

const ROOT: HttpMatch['path'] = { type: 'PathPrefix', value: '/' };

function unchanged(path: string): string {
  return path;
}

/** An expression that cannot be read and does not even begin with a path of its own. */
function isUnknown({ type, value }: HttpMatch['path']): boolean {
  return type === 'RegularExpression' && literalStart(value).length <= 1 && !isReadable(value);
}
