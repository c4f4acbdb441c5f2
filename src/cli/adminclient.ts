/** Asks a running gateway's admin API. */
import { formatHostPort, type HostPort } from './address.ts';

/** Milliseconds for the whole answer of a running gateway. */
const TIMEOUT = 10_000;

/** The JSON of `path`. Throws an Error that says where nobody answers and what to do. */
export async function askAdmin<T>(admin: HostPort, path: string): Promise<T> {
  const url = `http://${formatHostPort(admin)}${path}`;
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT) });
  } catch (error) {
    const { cause, message } = error as Error;
    const why = cause instanceof Error ? cause.message : message;
    throw new Error(`no gateway answers at ${url} (${why}); is it running, and is this its --admin address?`);
  }
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${(await response.text()).trim()}`);
  return (await response.json()) as T;
}
