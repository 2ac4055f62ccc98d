/** Optimisers and the course of their learning rates, by the names that commands and tables give them. */

import { adam } from '../optimiser/adam.js';
import type { RestName } from '../optimiser/besideRest.js';
import { clipped } from '../optimiser/clipped.js';
import { muon } from '../optimiser/muon.js';
import type { LearningRate, Optimiser } from '../optimiser/optimiser.js';
import { jordanPolynomials, minimaxPolynomials } from '../optimiser/polynomials.js';
import { cosineDecay, linearDecay, stepDecay, warmUp } from '../optimiser/schedules.js';
import { sgd } from '../optimiser/sgd.js';
import { shampoo } from '../optimiser/shampoo.js';

export interface OptimiserSettings {
  readonly optimiser: OptimiserName;
  readonly learningRate: number;
  readonly schedule: ScheduleName;
  /** 0 by default. */
  readonly weightDecay?: number;
  /** Steps over which the learning rate grows from 0. */
  readonly warmUp?: number;
  /** Of sgd, muon and shampoo; each has its own by default. */
  readonly momentum?: number;
  /** The most that the norm of a gradient may be. */
  readonly clip?: number;
  /** Of muon and shampoo: what goes beside them, Adam by default, and its rate in units of the learning rate. */
  readonly rest?: RestName;
  readonly restRate?: number;
  /** Of muon: Newton-Schulz steps. */
  readonly iterations?: number;
  /** Of muon: those of its steps, minimax by default. */
  readonly polynomials?: PolynomialsName;
}

interface Rated extends OptimiserSettings {
  readonly rate: LearningRate;
}

const polynomialsBy = { minimax: minimaxPolynomials, jordan: jordanPolynomials } as const;

export type PolynomialsName = keyof typeof polynomialsBy;
export const polynomialsNames = Object.keys(polynomialsBy) as readonly PolynomialsName[];

const optimisers = {
  adam: ({ rate, weightDecay = 0 }: Rated) => adam({ learningRate: rate, weightDecay }),
  sgd: ({ rate, weightDecay = 0, momentum }: Rated) =>
    sgd({ learningRate: rate, weightDecay, ...(momentum !== undefined && { momentum }) }),
  muon: (settings: Rated) =>
    muon({
      ...ofMatrices(settings),
      polynomials: polynomialsBy[settings.polynomials ?? 'minimax'](settings.iterations),
    }),
  shampoo: (settings: Rated) => shampoo(ofMatrices(settings)),
} as const;

/** What muon and shampoo have alike. */
function ofMatrices({ rate, weightDecay = 0, momentum, rest, restRate }: Rated) {
  return {
    learningRate: rate,
    weightDecay,
    ...(momentum !== undefined && { momentum }),
    ...(rest !== undefined && { rest }),
    ...(restRate !== undefined && { restRate }),
  };
}

export type OptimiserName = keyof typeof optimisers;
export const optimiserNames = Object.keys(optimisers) as readonly OptimiserName[];

const schedules = {
  constant: (rate: number): LearningRate => rate,
  cosine: (rate: number, steps: number) => cosineDecay(rate, steps),
  linear: (rate: number, steps: number) => linearDecay(rate, steps),
  step: (rate: number, steps: number) => stepDecay(rate, Math.ceil(steps / 3)),
} as const;

export type ScheduleName = keyof typeof schedules;
export const scheduleNames = Object.keys(schedules) as readonly ScheduleName[];

/** @param steps over which the learning rate takes its course. */
export function optimiserOf(settings: OptimiserSettings, steps: number): Optimiser {
  const { optimiser, schedule, learningRate, warmUp: growing, clip } = settings;
  const course = schedules[schedule](learningRate, steps);
  const rate = growing === undefined ? course : warmUp(course, growing);
  const made = optimisers[optimiser]({ ...settings, rate });
  return clip === undefined ? made : clipped(made, clip);
}
