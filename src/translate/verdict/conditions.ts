import type { Condition, ConditionType } from '../../api/index.ts';
import { describe, type Problem } from './problem.ts';

/**
 * The condition without its generation, which belongs to the object that it stands on. Of a type that the writer of statuses
 * knows as ours: it takes away those that are not wanted any more.
 */
export interface Verdict extends Pick<Condition, 'status' | 'reason' | 'message'> {
  type: ConditionType;
}

export function holds(type: ConditionType, reason: string, message: string): Verdict {
  return { type, status: 'True', reason, message };
}

export function fails(type: ConditionType, reason: string, message: string): Verdict {
  return { type, status: 'False', reason, message };
}

export function unknown(type: ConditionType, reason: string, message: string): Verdict {
  return { type, status: 'Unknown', reason, message };
}

/** False with the first problem's reason and every problem's message, or True. */
export function judged(
  type: ConditionType,
  problems: ReadonlyArray<Problem>,
  otherwise: { reason: string; message: string },
): Verdict {
  const first = problems[0];
  if (first === undefined) return holds(type, otherwise.reason, otherwise.message);
  return fails(type, first.reason, describe(problems));
}

/** Conditions as they stand in a status. An object from a cluster has a generation; elsewhere none is claimed. */
export function conditions(verdicts: ReadonlyArray<Verdict>, generation: number | undefined): Condition[] {
  return verdicts.map(({ type, status, reason, message }) => {
    const condition: Condition = { type, status, reason, message: clipped(message) };
    if (generation !== undefined) condition.observedGeneration = generation;
    return condition;
  });
}

/** An API server refuses longer messages. */
const MESSAGE_LIMIT = 32768;

function clipped(message: string): string {
  return message.length <= MESSAGE_LIMIT ? message : `${message.slice(0, MESSAGE_LIMIT - 1)}…`;
}
