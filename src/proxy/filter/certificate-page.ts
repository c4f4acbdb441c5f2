/**
 * Whoever shows no certificate, or one that is not valid, is sent to a page that says how to come by one. The handshake let
 * him through for that alone (server/client-demand.ts): of all that he asks for on the listener nothing is answered otherwise.
 */
import type { ClientCertificateSettings } from '../../config/index.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import { ANSWERED, CONTINUE, type CompiledFilter, type FilterScope, type HeaderPair, type Verdict } from './filter.ts';

export function certificatePageFilters(settings: ClientCertificateSettings, state: PolicyState): CompiledFilter[] {
  const { errorPage } = settings;
  return errorPage === undefined ? [] : [new CertificatePage(settings, errorPage, state)];
}

const FOUND = 302;

class CertificatePage implements CompiledFilter {
  readonly type = 'ClientCertificates';
  readonly step = 'address-access';
  readonly #takesNone: boolean;
  readonly #headers: readonly HeaderPair[];
  readonly #denied: DecisionCounter;

  constructor({ source, mode }: ClientCertificateSettings, page: string, { counts }: PolicyState) {
    this.#takesNone = mode === 'Optional';
    this.#headers = [
      ['Location', page],
      ['Cache-Control', 'no-store'],
    ];
    this.#denied = counts.counter(source, '', 'denied');
  }

  onRequest(scope: FilterScope): Verdict {
    const { tls } = scope.client;
    if (tls !== undefined && (tls.peerVerified || (this.#takesNone && tls.peerCertificate === undefined))) {
      return CONTINUE;
    }
    scope.tell(this.#denied);
    scope.respond(FOUND, this.#headers, '');
    return ANSWERED;
  }
}
