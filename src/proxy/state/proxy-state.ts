/** All that outlives a swap of the config, by what it belongs to. One for a data plane. */
import { BackendState } from './backend-state.ts';
import { Kept } from './kept.ts';
import { PolicyState } from './policy-state.ts';
import type { TroubleWatch } from './trouble-watch.ts';
import { OWN_VERDICTS, type Verdicts } from './verdicts.ts';

interface StateParts {
  policies: PolicyState;
  troubles: TroubleWatch;
  verdicts: Verdicts;
}

export class ProxyState {
  /** By key of the Backend, and behind a space how it is reached. */
  readonly backends: Kept<BackendState>;
  readonly policies: PolicyState;

  /** Told of endpoints that take no connections, and names that do not resolve. */
  readonly troubles: TroubleWatch | undefined;

  /** Of health checks, shared with other workers where there are any. */
  readonly verdicts: Verdicts;

  constructor(
    clock: { readonly now: number },
    { policies = new PolicyState(), troubles, verdicts = OWN_VERDICTS }: Partial<StateParts> = {},
  ) {
    this.verdicts = verdicts;
    this.policies = policies;
    this.troubles = troubles;
    this.backends = new Kept((name) => new BackendState(clock, name, troubles));
  }
}
