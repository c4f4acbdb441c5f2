/** What filters and policies make of the request that is asked about, by the code that serves. */
import type { Snapshot } from '../../config/index.ts';
import { type Rehearsal, type RehearsedStep, rehearse } from '../../proxy/rehearsal/index.ts';
import type { CompiledTable } from '../../proxy/route/index.ts';
import type { AskedRequest } from './asked-request.ts';
import type { ExplainedBackend } from './explained-backend.ts';
import type { KnownConfig } from './known-config.ts';
import type { Outcome } from './outcome.ts';
import { ruleWords } from './policy-rule.ts';

export interface Judgement {
  steps: RehearsedStep[];
  /** Where one of them answers. */
  answer: Outcome | undefined;
  /** Whose decision depends on what is not known. */
  open: string[];
}

/** Backends of one rule that are looked at, those of the largest shares. */
const MOST_BACKENDS = 8;

interface JudgedPlace {
  request: AskedRequest;
  table: CompiledTable;
  backends: readonly ExplainedBackend[];
}

export async function judge(known: KnownConfig, place: JudgedPlace): Promise<Judgement> {
  const { snapshot, secret } = known;
  const asked = backendsAsked(secret ?? snapshot, place.backends);
  const rehearsals: Rehearsal[] = [];
  for (const backend of asked) {
    const at = {
      config: secret ?? snapshot,
      table: place.table,
      backend,
      redacted: secret === undefined,
      words: ruleWords,
    };
    rehearsals.push(await rehearse(requestOf(place.request), at));
  }
  const answers = rehearsals.map(answerOf);
  const [answer] = answers;
  const steps = [
    ...new Map(rehearsals.flatMap((one) => one.steps).map((step) => [JSON.stringify(step), step])).values(),
  ];
  const open = steps
    .filter(({ decision }) => decision === 'undecided')
    .map(({ type, source = `filter ${type}` }) => source);
  // Backends have policies of their own: what one of them refuses another may answer.
  const differ = answers.some((one) => one?.status !== answer?.status);
  const some = differ ? steps.filter(({ decision }) => decision === 'refuses' || decision === 'answers') : [];
  return {
    steps,
    answer: differ ? undefined : answer,
    open: [...new Set([...open, ...some.map(({ type, source = `filter ${type}` }) => source)])],
  };
}

/** One alone where none has policies of its own. */
function backendsAsked(config: Snapshot, backends: readonly ExplainedBackend[]): Array<string | undefined> {
  const used = backends.filter(({ share, broken }) => share > 0 && broken === undefined);
  const sorted = used.toSorted((a, b) => b.share - a.share).map(({ key }) => key);
  const guarded = new Set([...config.of('Policy').values()].map(({ target }) => `${target.kind} ${target.key}`));
  const own = sorted.filter((key) => guarded.has(`Backend ${key}`));
  return own.length === 0 ? [sorted[0]] : [...new Set([...own, sorted[0]!])].slice(0, MOST_BACKENDS);
}

const USUAL_PORTS = { http: 80, https: 443 } as const;

function requestOf(request: AskedRequest): Parameters<typeof rehearse>[0] {
  const { method, host, port, scheme, serverName, target, headers, peer, bodyBytes, claims, certificate } = request;
  const literal = host.includes(':') ? `[${host}]` : host;
  return {
    method,
    target,
    headers,
    authority: port === USUAL_PORTS[scheme] ? literal : `${literal}:${port}`,
    secure: scheme === 'https',
    serverName,
    ...(peer !== undefined && { peer }),
    ...(bodyBytes !== undefined && { bodyBytes }),
    ...(claims !== undefined && { claims }),
    ...(certificate !== undefined && { certificate }),
  };
}

function answerOf({ refused, steps }: Rehearsal): Outcome | undefined {
  if (refused !== undefined) return { kind: 'error', status: refused.status, reason: refused.message };
  const step = steps.findLast(({ decision }) => decision === 'refuses' || decision === 'answers');
  if (step === undefined) return undefined;
  const { decision, source, type, says, status = 500 } = step;
  if (type === 'RequestRedirect') return { kind: 'answered', status, reason: 'a filter redirects it' };
  const who = source ?? `the filter ${type}`;
  const why = says.length === 0 ? '' : `: ${says.join('; ')}`;
  return decision === 'refuses'
    ? { kind: 'denied', status, reason: `${who} refuses it${why}` }
    : { kind: 'answered', status, reason: `${who} answers${why}` };
}
