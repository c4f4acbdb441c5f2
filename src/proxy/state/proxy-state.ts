/** All that outlives a swap of the config, by what it belongs to. One for a data plane. */
import { BackendState } from './backend-state.ts';
import { Kept } from './kept.ts';

export class ProxyState {
  /** By key of the Backend, and how it is reached. */
  readonly backends: Kept<BackendState>;

  constructor(clock: { readonly now: number }) {
    this.backends = new Kept(() => new BackendState(clock));
  }
}
