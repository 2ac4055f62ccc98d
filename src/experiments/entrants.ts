/** Ways to train one model that are set beside each other, as data. */

import type { Combine } from '../ops/precondition/precondition.js';
import type { Optimiser } from '../optimiser/optimiser.js';
import type { Preconditioner } from '../precondition/preconditioner.js';
import { type SepPgdOptions, sepPgd } from '../precondition/sepPgd.js';
import type { TopK } from '../precondition/topK.js';
import { type Batches, interleaved } from '../train/batches.js';
import { type OptimiserName, optimiserOf, type PolynomialsName, type ScheduleName } from './optimisers.js';

/** Learning rates up to a width of the networks, ascending. */
export type RatesByWidth = readonly (readonly [widest: number, learningRate: number])[];

/** Of Adam with SepPGD's product along a cosine: 1e-3 fails at a width of 500 (`bench/NOTES.md`, "What fit picks"). */
export const productRates: RatesByWidth = [
  [320, 1e-3],
  [Number.POSITIVE_INFINITY, 3e-4],
];

/** The rate of networks so wide; none where no row is as wide. */
export function rateAtWidth(rates: RatesByWidth, width: number): number | undefined {
  return rates.find(([widest]) => width <= widest)?.[1];
}

export interface Entrant {
  readonly optimiser: OptimiserName;
  readonly learningRate: number;
  /** Where the learning rate is not the same for all widths. */
  readonly rates?: RatesByWidth;
  readonly schedule: ScheduleName;
  /** Steps over which the rate grows from 0. */
  readonly warmUp?: number;
  /** Of Muon and Shampoo: the rate of Adam for what is no hidden or last matrix, along the same schedule. */
  readonly restLearningRate?: number;
  /** Of Muon and Shampoo. */
  readonly momentum?: number;
  /** Of Muon: Newton-Schulz steps. */
  readonly iterations?: number;
  /** Of Muon: those of its Newton-Schulz steps, minimax by default. */
  readonly polynomials?: PolynomialsName;
  /** How SepPGD combines the axes; plain gradients where it is absent. */
  readonly combine?: Combine;
  /** Of SepPGD, where it is not that of all entrants. */
  readonly topK?: TopK;
  /** Without SepPGD: steps take every so manieth point of each axis, the sub-grids in turn. */
  readonly interleave?: number;
  /** Its whole course, where it is not that of all entrants. */
  readonly steps?: number;
}

/** The first, and SepPGD's sum, go by the paper's rate; the others by one that `bench/NOTES.md` has found good. */
export const entrants = {
  adam: { optimiser: 'adam', learningRate: 1e-4, schedule: 'constant' },
  'adam-best': { optimiser: 'adam', learningRate: 1e-3, schedule: 'cosine' },
  seppgd: { optimiser: 'adam', learningRate: 1e-4, schedule: 'constant', combine: 'sum' },
  'seppgd-product': {
    optimiser: 'adam',
    learningRate: 1e-3,
    rates: productRates,
    schedule: 'cosine',
    warmUp: 20,
    combine: 'product',
  },
  muon: { optimiser: 'muon', learningRate: 1e-2, schedule: 'cosine', restLearningRate: 1e-3 },
  'muon-seppgd': {
    optimiser: 'muon',
    learningRate: 3e-3,
    schedule: 'cosine',
    restLearningRate: 1e-3,
    combine: 'product',
  },
  shampoo: { optimiser: 'shampoo', learningRate: 1e-2, schedule: 'cosine', restLearningRate: 1e-3 },
  'shampoo-seppgd': {
    optimiser: 'shampoo',
    learningRate: 1e-2,
    schedule: 'cosine',
    warmUp: 20,
    restLearningRate: 1e-3,
    combine: 'product',
  },
} as const satisfies Readonly<Record<string, Entrant>>;

export type EntrantName = keyof typeof entrants;
export const entrantNames = Object.keys(entrants) as readonly EntrantName[];

/** Whether it is SepPGD as the paper has it, in however many steps. */
export function isPapers({ steps: _, ...entrant }: Entrant): boolean {
  return labelOf(entrant) === labelOf(entrants.seppgd);
}

/** The entrant for networks so wide, whose learning rate is then one number. */
export function entrantAtWidth({ rates = [], ...entrant }: Entrant, width: number): Entrant {
  return { ...entrant, learningRate: rateAtWidth(rates, width) ?? entrant.learningRate };
}

/**
 * What a trainer takes of an entrant, at its `learningRate`.
 *
 * @param steps over which its rate takes its course, where it has none of its own.
 * @param all of SepPGD, where the entrant does not say otherwise.
 */
export function trainingOf(
  { combine, topK, interleave, rates: _, learningRate, restLearningRate, steps: own, ...optimiser }: Entrant,
  steps: number,
  all: Omit<SepPgdOptions, 'combine'> = {},
): { readonly optimiser: Optimiser; readonly preconditioner?: Preconditioner; readonly batches?: Batches } {
  const restRate = restLearningRate === undefined ? {} : { restRate: restLearningRate / learningRate };
  return {
    optimiser: optimiserOf({ ...optimiser, learningRate, ...restRate }, own ?? steps),
    ...(combine && {
      preconditioner: sepPgd({ meanOfLogits: true, ...all, ...(topK !== undefined && { topK }), combine }),
    }),
    ...(interleave !== undefined && { batches: interleaved(interleave) }),
  };
}

/** As tables and plots call it: `muon 1e-2 cosine, SepPGD product`. */
export function labelOf(entrant: Entrant): string {
  const { optimiser, learningRate, schedule, warmUp, momentum, iterations, polynomials } = entrant;
  const { combine, topK, interleave, steps } = entrant;
  const course = schedule === 'constant' ? '' : ` ${schedule}`;
  return [
    `${optimiser} ${learningRate.toExponential()}${course}`,
    ...(warmUp === undefined ? [] : [`warm-up ${warmUp}`]),
    ...(momentum === undefined ? [] : [`momentum ${momentum}`]),
    ...(iterations === undefined ? [] : [`${iterations} iterations`]),
    ...(polynomials === undefined ? [] : [`${polynomials} polynomials`]),
    ...(combine === undefined ? [] : [`SepPGD ${combine}`]),
    ...(topK === undefined ? [] : [`k = ${topK}`]),
    ...(interleave === undefined ? [] : [`interleaved by ${interleave}`]),
    ...(steps === undefined ? [] : [`${steps} steps`]),
  ].join(', ');
}
