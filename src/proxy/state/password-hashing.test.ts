import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  MAX_ALL_PASSWORDS_WAITING,
  MAX_PASSWORD_WAIT,
  MAX_PASSWORDS_WAITING,
  PasswordHashing,
  type Thread,
} from './password-hashing.ts';

/** Says of `right` that it is, when it is told to; a hash is how long that takes. */
class SlowThread extends EventEmitter {
  readonly asked: Array<{ hash: string; password: string }> = [];
  #answered = 0;

  /** Of processes that have nothing else to wait for. */
  keepsAlive = true;

  ref(): void {
    this.keepsAlive = true;
  }

  unref(): void {
    this.keepsAlive = false;
  }

  postMessage({ hash, password }: { hash: string; password: Uint8Array }): void {
    this.asked.push({ hash, password: Buffer.from(password).toString() });
  }

  /** False: nothing is asked that is not answered. */
  answer(): boolean {
    const { hash, password } = this.asked[this.#answered] ?? {};
    if (hash === undefined) return false;
    this.#answered++;
    vi.advanceTimersByTime(Number(hash));
    return this.emit('message', password === 'right');
  }
}

let thread: SlowThread;
let opened: number;
let passwords: PasswordHashing;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
  opened = 0;
  passwords = new PasswordHashing(() => {
    opened++;
    thread = new SlowThread();
    return thread as unknown as Thread;
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const of = (tenant: string, name = 'login') => ({ tenant, line: `AuthenticationPolicy/${tenant}/${name}` });
const guess = (tenant: string, milliseconds: number, password: string) =>
  passwords.matches(String(milliseconds), Buffer.from(password), of(tenant));

test('a process stays for as long as somebody waits, and no longer', async () => {
  const all = [guess('a', 10, 'right'), guess('b', 10, 'wrong')];
  expect(thread.keepsAlive).toBe(true);
  thread.answer();
  expect(thread.keepsAlive).toBe(true);
  thread.answer();
  expect(thread.keepsAlive).toBe(false);
  const late = guess('a', 10, 'late');
  expect(thread.keepsAlive).toBe(true);
  thread.answer();
  await Promise.all([...all, late]);
  expect(thread.keepsAlive).toBe(false);
});

test('a thread that cannot be started fails who waits for it, and is tried again for who comes later', async () => {
  let room = false;
  const poor = new PasswordHashing(() => {
    if (!room) throw new Error('no thread is left');
    return (thread = new SlowThread()) as unknown as Thread;
  });
  const ask = () => poor.matches('10', Buffer.from('right'), of('a'));
  await expect(ask()).rejects.toThrow('no thread is left');
  await expect(ask()).rejects.toThrow('no thread is left');
  room = true;
  const asked = ask();
  thread.answer();
  expect(await asked).toBe(true);
});

test('one at a time is compared, and what was found is remembered', async () => {
  const [right, wrong] = [guess('a', 10, 'right'), guess('a', 10, 'wrong')];
  expect(thread.asked).toHaveLength(1);
  thread.answer();
  expect(await right).toBe(true);
  thread.answer();
  expect(await wrong).toBe(false);
  expect(guess('b', 10, 'right')).toBe(true);
  expect(guess('a', 10, 'wrong')).toBe(false);
  expect(thread.asked).toHaveLength(2);
});

test('who crowds with hashes that take long keeps another waiting for one of them, and is alone told to come again', async () => {
  const crowd = Array.from({ length: MAX_PASSWORDS_WAITING + 10 }, (_, i) => guess('crowd', 1_000, `${i}`));
  // The first of them is under way.
  expect(crowd.filter((one) => one === 'busy')).toHaveLength(9);
  const other = Array.from({ length: 20 }, (_, i) => guess('other', 20, `${i}`));
  for (let i = 0; i < 21; i++) thread.answer();
  expect(await Promise.all(other)).toEqual(other.map(() => false));
  expect(thread.asked.filter(({ hash }) => hash === '1000')).toHaveLength(2);
});

test('who has waited too long is told to come again, and not compared', async () => {
  const many = Array.from({ length: 9 }, (_, i) => guess('a', 1_000, `${i}`));
  for (let i = 0; i < 6; i++) thread.answer();
  expect(await Promise.all(many)).toEqual([...Array(6).fill(false), ...Array(3).fill('busy')]);
  expect(MAX_PASSWORD_WAIT).toBe(5_000);
  expect(thread.asked).toHaveLength(6);
  const again = guess('a', 1_000, '8');
  thread.answer();
  expect(await again).toBe(false);
});

test('in all so many wait, and above it the place is taken from the namespace that has most', async () => {
  const most = Math.ceil(MAX_ALL_PASSWORDS_WAITING / MAX_PASSWORDS_WAITING) + 1;
  const crowd = Array.from({ length: most * MAX_PASSWORDS_WAITING }, (_, i) =>
    passwords.matches('1', Buffer.from(`${i}`), of('crowd', `${i % most}`)),
  );
  const other = guess('other', 1, 'right');
  thread.answer();
  thread.answer();
  expect(await other).toBe(true);
  while (thread.answer());
  const outcomes = await Promise.all(crowd);
  expect(outcomes.filter((one) => one === 'busy').length).toBe(crowd.length - MAX_ALL_PASSWORDS_WAITING);
});

test('a thread that ends fails all that wait, and another one is opened', async () => {
  const [one, other] = [guess('a', 10, 'right'), guess('b', 10, 'right')] as Array<Promise<unknown>>;
  thread.emit('exit');
  await expect(one).rejects.toThrow('has ended');
  await expect(other).rejects.toThrow('has ended');
  const again = guess('a', 10, 'right');
  expect(opened).toBe(2);
  thread.answer();
  expect(await again).toBe(true);
});
