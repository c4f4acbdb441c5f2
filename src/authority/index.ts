/** Who may speak on the config stream: the controller's certificates, and whose token a data plane has. */
export { Authority, type AuthorityOptions } from './authority.ts';
export { type ServiceAccount, STREAM_AUDIENCE, tokenReview } from './token-review.ts';
