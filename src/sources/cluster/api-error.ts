/** An answer of an API server that is no success. */
import { isObject } from '../../value/json-object.ts';

export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; of an ERROR event of a watch, the code of its Status object. */
  readonly status: number;
  /** `reason` of the Status object, such as `Conflict`, `Expired` or `NotFound`; '' where there is none. */
  readonly reason: string;
  /** Milliseconds that the server asks to wait, or undefined. */
  readonly retryAfter: number | undefined;

  constructor(status: number, about: { reason: string; message: string; retryAfter?: number | undefined }) {
    super(about.message);
    this.status = status;
    this.reason = about.reason;
    this.retryAfter = about.retryAfter;
  }

  /** The version that was asked for is too old to go on from: list anew. */
  get expired(): boolean {
    return this.status === 410;
  }

  /** Of a body that may be a Status object. */
  static of(status: number, body: unknown, retryAfter?: string): ApiError {
    const { reason, message, details } = isObject(body) ? body : {};
    const seconds = Number(retryAfter ?? (isObject(details) ? details.retryAfterSeconds : undefined));
    return new ApiError(status, {
      reason: typeof reason === 'string' ? reason : '',
      message: typeof message === 'string' && message !== '' ? message : `the API server answered ${status}`,
      retryAfter: Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, MAX_RETRY_AFTER) * 1000 : undefined,
    });
  }
}

/** Seconds; a server that asks for a longer pause is asked again all the same. */
export const MAX_RETRY_AFTER = 60;
