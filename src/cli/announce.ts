/** What a run of manifests tells beside that it serves: what is wrong with them. */
import type { ReportedDiagnostic } from '../control/index.ts';
import { diagnosticText, fileLines } from './report/index.ts';
import { ServingAnnouncer, type Start } from './serving-announce.ts';

/** Diagnostics printed at a time; the rest is counted. */
const SHOWN = 20;

export class Announcer extends ServingAnnouncer {
  /** The first config is served as far as it can be. */
  override started({ problems, ...start }: Start & { problems: ReportedDiagnostic[] }): void {
    this.problems(problems);
    super.started(start);
  }

  /** Diagnostics that are new since the last time. */
  problems(diagnostics: ReportedDiagnostic[]): void {
    const lineOf = fileLines();
    for (const diagnostic of diagnostics.slice(0, SHOWN)) {
      if (this.text) this.print(diagnosticText(diagnostic, this.paint, lineOf));
      else this.#record(diagnostic);
    }
    const more = diagnostics.length - SHOWN;
    if (more > 0) this.log.warn({ more }, 'more problems; `daemun status` lists them all');
  }

  #record({ severity, message, ...fields }: ReportedDiagnostic): void {
    if (severity === 'error') this.log.error(fields, message);
    else if (severity === 'warning') this.log.warn(fields, message);
    else this.log.info(fields, message);
  }
}
