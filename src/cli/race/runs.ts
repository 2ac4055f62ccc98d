/** `--runs`: entrants by name, with what differs: `muon:rate=3e-3:seppgd=product:k=30`. */

import { InputError } from '../../errors.js';
import { type Entrant, type EntrantName, entrantNames, entrants } from '../../experiments/entrants.js';
import { type OptimiserName, polynomialsNames, scheduleNames } from '../../experiments/optimisers.js';
import type { NamedEntrant } from '../../experiments/race/race.js';
import { spelled } from '../../host/checks.js';
import { combines } from '../../ops/precondition/precondition.js';
import { mostSubgrids } from '../../train/batches.js';
import { type Changes, differing } from '../differences.js';
import { either, mostPoints, oneOf, real, whole } from '../options.js';

const rate = (given: string, value: string) => real(given, 0, 10, true)(value);

/** Of each of two axes. */
const mostInterleave = Math.sqrt(mostSubgrids);

const changes: Changes<Entrant> = {
  rate: ({ rates: _, ...entrant }, given, value) => ({ ...entrant, learningRate: rate(given, value) }),
  schedule: (entrant, given, value) => ({ ...entrant, schedule: oneOf(given, scheduleNames)(value) }),
  'warm-up': (entrant, given, value) => ({ ...entrant, warmUp: whole(given, 1, 1e7)(value) }),
  rest: (entrant, given, value) => ({
    ...of(['muon', 'shampoo'], entrant, given),
    restLearningRate: rate(given, value),
  }),
  momentum: (entrant, given, value) => ({
    ...of(['muon', 'shampoo'], entrant, given),
    momentum: real(given, 0, 0.999_999)(value),
  }),
  iterations: (entrant, given, value) => ({ ...of(['muon'], entrant, given), iterations: whole(given, 1, 100)(value) }),
  polynomials: (entrant, given, value) => ({
    ...of(['muon'], entrant, given),
    polynomials: oneOf(given, polynomialsNames)(value),
  }),
  seppgd: ({ combine: _, rates: _ofCombine, ...plain }, given, value) => {
    const combine = oneOf(given, ['none', ...combines] as const)(value);
    return combine === 'none' ? plain : { ...plain, combine };
  },
  interleave: (entrant, given, value) => ({ ...entrant, interleave: whole(given, 1, mostInterleave)(value) }),
  steps: (entrant, given, value) => ({ ...entrant, steps: whole(given, 1, 1e7)(value) }),
  k: (entrant, given, value) => ({ ...entrant, topK: either('auto', whole(given, 1, mostPoints))(value) }),
};

/** @throws InputError a change that the entrant's optimiser does not know. */
function of(knowing: readonly OptimiserName[], entrant: Entrant, given: string): Entrant {
  if (knowing.includes(entrant.optimiser)) return entrant;
  const names = entrantNames.filter(name => knowing.includes(entrants[name].optimiser));
  throw new InputError(
    `${given}: only ${knowing.join(' and ')} ${knowing.length > 1 ? 'have' : 'has'} it: begin with ${names.join(' or ')}`,
  );
}

/** @throws InputError a name or a key that there is not, a value that it does not take, or the same twice. */
export function entrantsFrom(text: string): readonly NamedEntrant[] {
  const startOf = (name: string): Entrant => entrants[oneOf<EntrantName>('--runs', entrantNames)(name)];
  return differing('--runs', text, startOf, changes).map(({ text: name, value: entrant }) => {
    if (entrant.interleave !== undefined && entrant.combine !== undefined) {
      throw new InputError(
        `--runs ${spelled(name)}: SepPGD is of the whole grid: add seppgd=none, or leave interleave out`,
      );
    }
    if (entrant.topK === undefined || entrant.combine !== undefined) return { name, entrant };
    throw new InputError(`--runs ${spelled(name)}: k is SepPGD's: add seppgd=sum or seppgd=product, or leave k out`);
  });
}
