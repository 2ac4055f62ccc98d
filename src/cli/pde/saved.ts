/** What a file of `sepnn pde` says of its problem and of its networks. */

import { sizeOfAll } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { requireCount, shown } from '../../host/checks.js';
import { checked } from '../../io/model/fileRecord.js';
import type { SavedProblem } from '../../io/model/problemFile.js';
import { type JetArchitecture, problemParameterShapes } from '../../pde/network.js';
import type { Problem } from '../../pde/problem.js';
import { oneOf } from '../options.js';
import { digested, digestKey, requireSameProblem } from './digest.js';
import { activationNames, networkNames, networkOf, pointsOf } from './options.js';
import { moduleMark, problemNamed, shippedProblem } from './problem.js';

export interface SolvedProblem {
  readonly problem: Problem;
  readonly network: JetArchitecture;
  /** Of each axis, those of the equations. */
  readonly points: readonly number[];
  readonly parameters: Float32Array;
}

/**
 * @param given the problem by its name, or by a module of the host's own; what the file says by default.
 * @throws InputError settings that `sepnn pde` does not write, parameters of other networks, or another problem.
 */
export async function solvedProblem(
  path: string,
  { training, state: { parameters } }: SavedProblem,
  given: string | undefined,
): Promise<SolvedProblem> {
  const { problem: recorded, network: kind, activation, omega, points, ...sizes } = training;
  const wanted = String(recorded);
  // A file of numbers does not choose which module is run.
  if (given === undefined && wanted.startsWith(moduleMark)) {
    throw new InputError(`model ${path}: is of ${shown(wanted)}, a problem of your own: give its module by --problem`);
  }
  const named = given === undefined ? undefined : await problemNamed(given, '--problem');
  if (named && named.name !== wanted) {
    throw new InputError(`--problem ${given}: is ${shown(named.name)}, and ${path} is of ${shown(wanted)}: give that`);
  }
  // What is drawn stands on these axes; what the equations say is in the parameters.
  if (named) requireSameProblem(`model ${path}`, training[digestKey], digested(named, false), /^(axis|fields)/);
  return checked(path, () => {
    const problem = named?.problem ?? shippedProblem(wanted);
    const numbers = [points].flat() as readonly number[];
    for (const each of numbers) requireCount('points', each, 1, Number.MAX_SAFE_INTEGER);
    const { width, depth, rank } = sizes as Record<'width' | 'depth' | 'rank', number>;
    const network = networkOf(oneOf('network', networkNames)(String(kind)), {
      activation: oneOf('activation', activationNames)(String(activation)),
      ...(omega !== null && { omega: omega as number }),
      ...{ width, depth, rank },
    });
    const count = sizeOfAll(problemParameterShapes(problem, network));
    if (parameters.length !== count) {
      throw new InputError(`parameters: ${shown(parameters.length)} numbers, and its networks have ${count}`);
    }
    const counts = pointsOf(problem, { points: numbers.length === 1 ? numbers[0] : numbers });
    return { problem, network, points: Object.values(counts), parameters };
  });
}
