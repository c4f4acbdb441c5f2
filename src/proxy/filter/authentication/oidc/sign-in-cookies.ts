/**
 * Sign-ins that are under way in one browser: several tabs may go to the provider at once, and each must find what it began when
 * it comes back. So each has a sealed cookie of its own, named after its state.
 */
import type { Head } from '../../../ground/head.ts';
import type { HeaderPair } from '../../filter.ts';
import { type CookieForm, clearCookies, namesOfCookies, readCookies, setCookies } from './sealed-cookie.ts';

/** Cookies of sign-ins that a browser keeps at a time: the next one takes the place of the oldest, so that heads stay small. */
export const MAX_SIGN_INS: number = 5;

/** As they are made: 32 bytes in base64url. */
const STATE = /^[\w-]{43}$/;
/** Characters of a state that tell it from others of the same browser. */
const TAG_LENGTH = 8;

export class SignInCookies {
  readonly #form: CookieForm;
  readonly #prefix: string;

  constructor(form: CookieForm) {
    this.#form = form;
    this.#prefix = `${form.name}-in.`;
  }

  /** Names of those that the request has, the oldest first, as browsers send them. */
  begun(head: Head): string[] {
    const names = namesOfCookies(head).filter((name) => name.startsWith(this.#prefix));
    return names.filter((name) => /^[\w-]{8}(?:\.\d)?$/.test(name.slice(this.#prefix.length)));
  }

  /** What was sealed for this state; '': nothing. */
  read(head: Head, state: string | undefined): string {
    return state !== undefined && STATE.test(state) ? readCookies(head, this.#of(state).name).value : '';
  }

  /** `begun`: what the browser has. Undefined: it is too long. */
  set(state: string, sealed: string, { seconds, begun }: { seconds: number; begun: readonly string[] }) {
    const set = setCookies(this.#of(state), sealed, { seconds, had: 0 });
    const old = begun.slice(0, Math.max(0, begun.length - MAX_SIGN_INS + 1));
    return set === undefined ? undefined : [...set, ...old.flatMap((name) => this.#gone(name))];
  }

  clear(state: string): HeaderPair[] {
    return this.#gone(this.#of(state).name);
  }

  #of(state: string): CookieForm {
    return { ...this.#form, name: this.#prefix + state.slice(0, TAG_LENGTH) };
  }

  #gone(name: string): HeaderPair[] {
    return clearCookies({ ...this.#form, name }, { from: 0, to: 1 });
  }
}
