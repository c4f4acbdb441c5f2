/** How names become addresses: by their records, by the machine, and whose turn that is. */
export type { NameAsker } from './machine-names.ts';
export { policyAddresses } from './policy-names.ts';
export { type Resolve, type Resolved, resolveName } from './records.ts';
