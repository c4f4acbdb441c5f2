/** A method whose references do not resolve: nobody comes in by it. */
import { type Method, refusal } from './method.ts';

const BROKEN = refusal(
  'broken',
  503,
  'It cannot be found out who asks: a policy of this route lacks what it refers to.',
);

export function brokenMethod(): Method {
  return { identify: () => BROKEN, takesSecret: () => false };
}
