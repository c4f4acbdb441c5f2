/** The family of methods by which clients say who they are: one file a method, and its line in `METHODS` (index.ts). */
import type { AuthenticationEntry } from '../../../api/index.ts';
import type { AuthenticationMethod } from '../../../config/index.ts';
import type { Problem } from '../../verdict/problem.ts';
import type { SettingsReading } from '../request-policy.ts';

/** One method that is read. */
export interface MethodReading {
  reading: SettingsReading;
  /** Of the policy's; for the access log and metrics. */
  name: string;
  /** Of the method's settings, such as `spec.methods[0].basic`. */
  field: string;
}

/** Members of an entry that say by which method. */
export type MethodField = Exclude<keyof AuthenticationEntry, 'name'>;

/** A Problem: a reference does not resolve, and nobody comes in by it. What is wrong in itself goes to `invalid`. */
export type MethodReader<F extends MethodField> = (
  settings: NonNullable<AuthenticationEntry[F]>,
  at: MethodReading,
) => AuthenticationMethod | Problem;
