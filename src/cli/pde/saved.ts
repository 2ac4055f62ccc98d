/** What a file of `sepnn pde` says of its problem and of its networks. */

import { sizeOfAll } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { requireCount, shown } from '../../host/checks.js';
import { checked } from '../../io/model/fileRecord.js';
import type { SavedProblem } from '../../io/model/problemFile.js';
import { type JetArchitecture, problemParameterShapes } from '../../pde/network.js';
import type { Problem } from '../../pde/problem.js';
import { oneOf } from '../options.js';
import { activationNames, networkNames, networkOf, pointsOf, problemNamed } from './options.js';

export interface SolvedProblem {
  readonly problem: Problem;
  readonly network: JetArchitecture;
  /** Of each axis, those of the equations. */
  readonly points: readonly number[];
  readonly parameters: Float32Array;
}

/** @throws InputError settings that `sepnn pde` does not write, or parameters of other networks. */
export function solvedProblem(path: string, { training, state: { parameters } }: SavedProblem): SolvedProblem {
  return checked(path, () => {
    const { problem: name, network: kind, activation, omega, points, ...sizes } = training;
    const problem = problemNamed(String(name), { data: 0 });
    const numbers = [points].flat() as readonly number[];
    for (const count of numbers) requireCount('points', count, 1, Number.MAX_SAFE_INTEGER);
    const { width, depth, rank } = sizes as Record<'width' | 'depth' | 'rank', number>;
    const network = networkOf(oneOf('network', networkNames)(String(kind)), {
      activation: oneOf('activation', activationNames)(String(activation)),
      ...(omega !== null && { omega: omega as number }),
      ...{ width, depth, rank },
    });
    const wanted = sizeOfAll(problemParameterShapes(problem, network));
    if (parameters.length !== wanted) {
      throw new InputError(`parameters: ${shown(parameters.length)} numbers, and its networks have ${wanted}`);
    }
    const counts = pointsOf(problem, { points: numbers.length === 1 ? numbers[0] : numbers });
    return { problem, network, points: Object.values(counts), parameters };
  });
}
