/** How names become addresses: by their records, by the machine, and whose turn that is. */
export { hostFileAddresses } from './host-file.ts';
export { FETCHED_NAMES, type NameAsker } from './machine-names.ts';
export { type Resolve, type Resolved, resolveName } from './records.ts';
