/** Statuses and diagnostics of a run, and how they are printed. */
export { diagnosticText, fileLines } from './diagnostic-text.ts';
export { printReport } from './print.ts';
export { conditionGroups, refused, unservedListeners, verdictOf } from './verdict.ts';
