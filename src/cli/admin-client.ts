/** Asks a running gateway's admin API. */
import { formatHostPort, type HostPort } from './address.ts';

/** Milliseconds for the whole answer of a running gateway. */
const TIMEOUT = 10_000;

export interface AskedAdmin extends HostPort {
  token?: string | undefined;
}

/** The JSON of `path`, or with `change` what came of it. Throws an Error that says where nobody answers and what to do. */
export async function askAdmin<T>(admin: AskedAdmin, path: string, change?: object): Promise<T> {
  const url = `http://${formatHostPort(admin)}${path}`;
  let response: Response;
  try {
    const headers: Record<string, string> = admin.token ? { authorization: `Bearer ${admin.token}` } : {};
    const signal = AbortSignal.timeout(TIMEOUT);
    response = await fetch(
      url,
      change === undefined
        ? { headers, signal, redirect: 'error' }
        : {
            redirect: 'error',
            method: 'POST',
            headers: { ...headers, 'content-type': 'application/json' },
            body: JSON.stringify(change),
            signal,
          },
    );
  } catch (error) {
    const { cause, message } = error as Error;
    const why = cause instanceof Error ? cause.message : message;
    throw new Error(`no gateway answers at ${url} (${why}); is it running, and is this its --admin address?`);
  }
  if (response.status === 401) throw new Error(`${url} asks for its token: give it with --admin-token-file`);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${(await response.text()).trim()}`);
  return (await response.json()) as T;
}
