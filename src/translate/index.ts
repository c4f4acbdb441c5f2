/** Gateway API resources to data-plane config and statuses. Pure: no I/O, clock or randomness. */

export { endpointsFinding, sliceFinding } from './backend/stray-slice.ts';
export { credentialFault } from './gateway/credential.ts';
export type { UnservedListener } from './gateway/unserved.ts';
export type { AssignedAddresses, Inputs, TranslateOptions } from './inputs.ts';
export { emptyInputs, type SourceInputs, type Translated, translate } from './translate.ts';
export { type Translation, translation } from './translation.ts';
export type { ObjectStatus } from './verdict/object-status.ts';
export type { Diagnostic } from './verdict/problem.ts';
