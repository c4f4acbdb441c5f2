/**
 * Requests whose connection has had its turn: looking through many requests of one read would keep everybody else
 * waiting. They come one of each client at a time, for as long as one request may take together, and the rest after the
 * sockets were looked at again.
 */
import { MAX_TURN_STEPS, newTurn, taken } from '../ground/allowance.ts';

export interface LookWaiter {
  readonly client: object;
  /** Its turn. Whoever is gone meanwhile does nothing. */
  look(): void;
}

/** By client, in the order of their turns. */
const waiting = new Map<object, LookWaiter[]>();
let isTurnComing = false;

export function lookLater(waiter: LookWaiter): void {
  const line = waiting.get(waiter.client);
  if (line === undefined) waiting.set(waiter.client, [waiter]);
  else line.push(waiter);
  callTurn();
}

function callTurn(): void {
  if (isTurnComing || waiting.size === 0) return;
  isTurnComing = true;
  setImmediate(runTurn);
}

function runTurn(): void {
  isTurnComing = false;
  for (let spent = 0; spent < MAX_TURN_STEPS; ) {
    const [next] = waiting;
    if (next === undefined) break;
    newTurn(next[0]);
    serve(...next);
    spent += taken();
  }
  newTurn();
  callTurn();
}

function serve(client: object, line: LookWaiter[]): void {
  const waiter = line.shift()!;
  // Who has more goes behind the others.
  waiting.delete(client);
  if (line.length > 0) waiting.set(client, line);
  waiter.look();
}
