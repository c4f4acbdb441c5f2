/** All that outlives a swap of the config, by what it belongs to. One for a data plane. */
import { BackendState } from './backend-state.ts';
import { Kept } from './kept.ts';
import { PolicyState } from './policy-state.ts';

export class ProxyState {
  /** By key of the Backend, and how it is reached. */
  readonly backends: Kept<BackendState>;
  readonly policies: PolicyState;

  constructor(clock: { readonly now: number }, policies: PolicyState = new PolicyState()) {
    this.backends = new Kept(() => new BackendState(clock));
    this.policies = policies;
  }
}
