/** A text that a backend has, asked for by the gateway itself, such as the keys of an issuer. */
import type { SubAnswer, SubFailure, SubRequest } from '../filter/index.ts';
import type { AskedBackend } from '../state/index.ts';
import type { HttpService } from './service.ts';
import { SubExchange } from './sub-exchange.ts';

/** Milliseconds after which a backend without endpoints is looked for again: they may come with the next piece of a change. */
const LOOK_AGAIN = 100;
/** Milliseconds for which that is done: clients wait for what is asked. */
const LOOK_FOR = 1_000;

type Service = Pick<HttpService, 'wheel' | 'upstreams'>;

/**
 * `timeout`: milliseconds for the answer of an endpoint; `limit`: its most bytes. Rejects for what is no 200, too long, or
 * not there in time.
 */
export async function backendText(
  service: Service,
  { backend, host, path }: AskedBackend,
  { timeout, limit }: Pick<SubRequest, 'timeout' | 'limit'>,
): Promise<string> {
  const headers: SubRequest['headers'] = [['Accept', '*/*']];
  const request = { backend, method: 'GET', target: path, authority: host, headers, limit };
  const began = performance.now();
  for (;;) {
    const broken = service.upstreams.get(backend)?.broken;
    if (broken !== undefined) throw new Error(broken);
    const outcome = await outcomeOf(service, { ...request, timeout });
    if ('status' in outcome) {
      if (outcome.status !== 200) throw new Error(`the answer is ${outcome.status}`);
      return outcome.body.toString('utf8');
    }
    if (outcome.failure !== 'no_endpoints' || performance.now() - began >= Math.min(LOOK_FOR, timeout)) {
      throw new Error(`there is no answer: ${outcome.failure}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN).unref());
  }
}

function outcomeOf(service: Service, request: SubRequest): Promise<SubAnswer | SubFailure> {
  return new Promise((done) => void new SubExchange(service, request, { of: { loops: '' }, done }));
}
