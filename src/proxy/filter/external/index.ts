export { ExternalAuthFilter } from './external-auth.ts';
export { ExternalCheck } from './external-check.ts';
export type { Judgement } from './question.ts';
