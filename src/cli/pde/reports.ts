/** The reports that a file of `sepnn pde` holds: the curve that a run goes on with. */

import { InputError } from '../../errors.js';
import type { ProblemReport } from '../../experiments/pde/run.js';
import { isRecord, shown } from '../../host/checks.js';

/** @param step at which the training stands. @throws InputError others than `sepnn pde` writes. */
export function savedReports(path: string, reports: unknown, step: number): readonly ProblemReport[] {
  const fail = (what: string): never => {
    throw new InputError(`model ${path}: its reports are ${what}: give a file that sepnn pde wrote`);
  };
  if (!Array.isArray(reports)) return fail(shown(reports));
  let before = { step: -1 } as ProblemReport;
  for (const [i, report] of reports.entries()) {
    const fault = faultOf(report, before, step);
    if (fault !== undefined) return fail(`damaged: entry ${i + 1} ${fault}`);
    before = report as ProblemReport;
  }
  return reports as readonly ProblemReport[];
}

/** What is wrong with one, if anything. */
function faultOf(report: unknown, before: ProblemReport, last: number): string | undefined {
  if (!isRecord(report)) return `is ${shown(report)}`;
  const { step, turn, losses } = report;
  // Turns through the last layers come after all steps, one after the other.
  if (before.turn !== undefined || turn !== undefined) {
    const next = (before.turn ?? 0) + 1;
    if (turn !== next || step !== last || before.step !== last)
      return `has step ${shown(step)} and turn ${shown(turn)}`;
  } else if (!Number.isInteger(step) || (step as number) <= before.step || (step as number) > last) {
    return `has step ${shown(step)}`;
  }
  for (const name of ['seconds', 'loss']) {
    if (!Number.isFinite(report[name])) return `has ${name} ${shown(report[name])}`;
  }
  for (const name of ['relativeL2', 'greatestError']) {
    // JSON has null for the NaN of a solution that is not known.
    if (report[name] !== null && !Number.isFinite(report[name])) return `has ${name} ${shown(report[name])}`;
  }
  const areNumbers = isRecord(losses) && Object.values(losses).every(Number.isFinite);
  return areNumbers ? undefined : `has losses ${shown(losses)}`;
}
