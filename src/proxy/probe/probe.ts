/** A look at an endpoint: a family, one for each type of question. */
import type { HealthQuestion } from '../../config/index.ts';
import type { EndpointPool, EndpointTarget, UpstreamWorld } from '../upstream/connection.ts';

/** Most bytes of an answer's body that are read: what comes behind them is cut, and the answer counts as it is. */
export const MAX_PROBE_BODY: number = 64 * 1024;

/** Who is asked, and over what. */
export interface ProbeSite {
  readonly world: Pick<UpstreamWorld, 'driver' | 'wheel'>;
  /** With connections of the look's own, made as those of requests are: the same TLS, the same PROXY header. */
  makePool(): EndpointPool;
  readonly target: Pick<EndpointTarget, 'address' | 'port' | 'tls' | 'preamble'>;
  /** `address:port`. */
  readonly label: string;
}

/** One look, which is under way from its making on. */
export interface Probe {
  /** Nobody wants to know any more. */
  abort(): void;
}

/** `done` is called once, unless it is aborted, and never before this returns. Milliseconds: `timeout`. */
export interface ProbeOrder<Q extends HealthQuestion = HealthQuestion> {
  readonly site: ProbeSite;
  readonly question: Q;
  readonly timeout: number;
  readonly done: (finding: number) => void;
}
