/** Rewrite: the backend is asked for another path, made of parts of the one that the client asked for. */
import { type Acting, headerFault, type PathRewriteSettings, type RewriteSettings } from '../../config/index.ts';
import { Picker, type Template } from '../../value/substitution.ts';
import { charge, MAX_MATCH_STEPS, Overdrawn } from '../ground/allowance.ts';
import { ARENA } from '../ground/arena.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import { ANSWERED, CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import { HeaderPatch } from './header-patch.ts';
import { escapePath, escapeQuery, queryOf } from './path-modifier.ts';

/** Steps of the allowance that an instruction takes at one byte: 20 to 50 ns, where a step is one or two. */
const STEPS_AN_INSTRUCTION = 15;
/** What a client may not ask for, it may not have put together here either. */
const DOT_SEGMENT = /\/\.\.?(?:\/|$)/;

export function rewriteFilters(
  act: Acting<RewriteSettings>,
  settings: RewriteSettings,
  state: PolicyState,
): CompiledFilter[] {
  return [new RewriteFilter(act, settings, state)];
}

class RewriteFilter implements CompiledFilter {
  readonly type = 'Rewrite';
  readonly step = 'route-filters';
  readonly yields: boolean;
  readonly #rewrites: readonly PathRewrite[];
  readonly #rewritten: DecisionCounter;
  /** Takes away what clients write into the lines that a pattern would write; null: none writes any. */
  readonly #forged: HeaderPatch | null;

  /** Throws an ExpressionFault for what translation would not have let through. */
  constructor({ source, holds }: Acting<RewriteSettings>, { paths }: RewriteSettings, { counts }: PolicyState) {
    this.yields = holds === 'Default';
    this.#rewrites = paths.map((path) => new PathRewrite(path));
    const names = new Set(paths.flatMap(({ headers }) => headers.map(({ name }) => name.toLowerCase())));
    this.#forged = names.size === 0 ? null : HeaderPatch.of({ set: [], add: [], remove: [...names] });
    this.#rewritten = counts.counter(source, '', 'rewritten');
  }

  onRequest(scope: FilterScope): Verdict {
    const { head } = scope;
    if (this.#forged !== null) scope.patchRequest(this.#forged);
    const path = ARENA.latin1Slice(head.pathStart, head.pathEnd);
    for (const rewrite of this.#rewrites) {
      const made = rewrite.of(path);
      if (made === undefined) continue;
      if (DOT_SEGMENT.test(made.path)) {
        scope.deny({ status: 400, reason: 'malformed_request', message: 'The path becomes one with dot segments.' });
        return ANSWERED;
      }
      const query = queryOf(head);
      const more = made.query === '' || query === '' ? made.query + query : `${made.query}&${query.slice(1)}`;
      scope.setTarget(made.path + more);
      if (made.patch !== undefined) scope.patchRequest(made.patch);
      scope.tell(this.#rewritten);
      return CONTINUE;
    }
    return CONTINUE;
  }
}

interface Made {
  path: string;
  /** With its '?', or ''. */
  query: string;
  patch?: HeaderPatch;
}

class PathRewrite {
  readonly #picker: Picker;
  readonly #path: Template;
  readonly #query: Template | undefined;
  readonly #headers: ReadonlyArray<readonly [string, Template]>;

  constructor({ pattern, substitution, headers }: PathRewriteSettings) {
    this.#picker = new Picker(pattern);
    const [path = '', ...query] = substitution.split('?');
    this.#path = this.#picker.template(path, escapePath);
    if (query.length > 0) this.#query = this.#picker.template(query.join('?'), escapeQuery);
    this.#headers = headers.map(({ name, value }) => [name, this.#picker.template(value)] as const);
  }

  of(path: string): Made | undefined {
    const steps = path.length * this.#picker.size * STEPS_AN_INSTRUCTION;
    if (steps > MAX_MATCH_STEPS) throw new Overdrawn();
    charge(steps);
    const picked = this.#picker.pick(path);
    if (picked === undefined) return undefined;
    const made = this.#path.fill(picked);
    const rewritten: Made = {
      path: made.startsWith('/') ? made : `/${made}`,
      query: this.#query === undefined ? '' : `?${this.#query.fill(picked)}`,
    };
    if (this.#headers.length === 0) return rewritten;
    const lines = this.#headers.map(([name, template]) => ({ name, value: template.fill(picked) }));
    // A path may hold what a line may not: the client's line of this name goes all the same.
    const set = lines.map((line) => (headerFault(line.name, line.value) === undefined ? line : { ...line, value: '' }));
    return { ...rewritten, patch: HeaderPatch.of({ set, add: [], remove: [] }) };
  }
}
