/** Whether a model file holds what training goes on from: weights alone will do for everything else. */

import { InputError } from '../../errors.js';
import { requireFinite } from '../../io/model/parameterTensors.js';
import type { TrainerState } from '../../train/trainer.js';

/** Below it a first moment's square may vanish in float32 by itself. */
const leastMoment = 1e-12;

/**
 * @throws InputError weights without an optimiser's state, a number in that state which is not finite, or second moments
 *   that were lost: a step divides by their root.
 */
export function requireResumable(path: string, { optimiser, preconditioner }: TrainerState): void {
  const remedy = 'give the whole file that the training wrote, or leave --resume out';
  const state = optimiser?.state ?? {};
  // Plain SGD is the one that keeps nothing.
  if (optimiser?.name !== 'sgd' && Object.keys(state).length === 0) {
    throw new InputError(`--resume ${path}: holds weights alone, without the optimiser's moments: ${remedy}`);
  }
  for (const [group, arrays] of Object.entries({ optimiser: state, preconditioner: preconditioner?.state ?? {} })) {
    for (const [name, data] of Object.entries(arrays)) requireFinite(`--resume ${path}: ${group}.${name}`, data);
  }
  const { firstMoment, secondMoment } = state;
  if (firstMoment?.length !== secondMoment?.length) return;
  const lost = firstMoment?.findIndex(
    (m, i) => secondMoment[i] < 0 || (secondMoment[i] === 0 && Math.abs(m) > leastMoment),
  );
  if (lost !== undefined && lost >= 0) {
    throw new InputError(
      `--resume ${path}: its second moment ${lost} is ${secondMoment[lost]} and the first ${firstMoment[lost]}, as float16 leaves them: ${remedy}`,
    );
  }
}
