/** Statuses and diagnostics of a run, and how they are printed. */
export { diagnosticText, fileLines } from './diagnostic-text.ts';
export { OUTPUTS, type Output, printReport } from './print.ts';
export {
  conditionGroups,
  type Report,
  type ReportedDiagnostic,
  refused,
  type StatusItem,
  unservedListeners,
} from './report.ts';
export { stamped } from './transition.ts';
