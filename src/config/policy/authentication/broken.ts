import * as v from 'valibot';
import { key, object, type Shape } from '../../shape.ts';

/** A method whose references do not resolve: nobody comes in by it. */
export interface BrokenMethod {
  type: 'Broken';
  name: string;
  message: string;
}

export const brokenMethod: Shape<BrokenMethod> = object<BrokenMethod>({
  type: v.literal('Broken'),
  name: key,
  message: v.string(),
});
