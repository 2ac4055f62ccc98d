/** Muon (Jordan 2024) on the hidden and last matrices of all networks, and on those of a decoder; Adam on what is no such matrix. */

import { restoreTensors, stateOfTensors } from '../buffer/namedTensors.js';
import { InputError } from '../errors.js';
import { requireNumber, requireOptions } from '../host/checks.js';
import type { Parameter } from '../model/parameters.js';
import { scale } from '../ops/elementwise/linearCombination.js';
import { momentShapes, muonStep } from '../ops/optimiser/muon.js';
import { adam } from './adam.js';
import { type LearningRate, type Optimiser, requireLearningRate } from './optimiser.js';
import { minimaxPolynomials, type Polynomial, requirePolynomials } from './polynomials.js';

export interface MuonOptions {
  /** Of the matrices. */
  readonly learningRate: LearningRate;
  /** Of Nesterov's kind, 0.95 by default. */
  readonly momentum?: number;
  /** Of the matrices, decoupled; 0 by default. */
  readonly weightDecay?: number;
  /**
   * Of the Newton-Schulz steps that make a direction orthogonal: `minimaxPolynomials()`, three, by default; those of Muon as
   * published are `jordanPolynomials()`, five.
   */
  readonly polynomials?: readonly Polynomial[];
  /** Adam's learning rate at every step in units of `learningRate`, 1/3 by default: for biases, first layers and the like. */
  readonly restRate?: number;
}

const known = { learningRate: true, momentum: true, weightDecay: true, polynomials: true, restRate: true } as const;

/** @throws InputError an option that is unknown or out of range. */
export function muon(options: MuonOptions): Optimiser {
  requireOptions('muon', options, known);
  const { learningRate, momentum = 0.95, weightDecay = 0, restRate = 1 / 3 } = options;
  const { polynomials = minimaxPolynomials() } = options;
  requireLearningRate(learningRate);
  requireNumber('momentum', momentum, { from: 0, below: 1 });
  requireNumber('weightDecay', weightDecay, { from: 0 });
  requirePolynomials(polynomials);
  requireNumber('restRate', restRate, { above: 0 });
  const ofRest = adam({ learningRate });
  return {
    name: 'muon',
    learningRate,
    start(engine, scope, all) {
      const matrices = muonMatrices(all);
      const rest = ofRest.start(engine, scope, all);
      const moment = scope.keep(engine.stack(momentShapes(matrices.map(part => all[part]))));
      const attributes = { matrices, momentum, weightDecay, polynomials };
      return {
        update(graph, step) {
          const { parameters, gradient, learningRate: rate } = step;
          const stepped = muonStep(parameters, graph.read(moment), gradient, rate, attributes);
          graph.assign(moment, stepped.moment);
          return rest.update(graph, {
            ...step,
            parameters: stepped.parameters,
            gradient: stepped.rest,
            learningRate: scale(rate, restRate),
          });
        },
        state: async () => ({ ...(await rest.state()), ...(await stateOfTensors({ moment })) }),
        restore(state) {
          if (state.moment?.length !== matrices.reduce((sum, part) => sum + weightsOf(all[part].shape), 0)) {
            throw new InputError("restore: the optimiser's state is not that of these parameters: it needs moment");
          }
          rest.restore(state);
          restoreTensors({ moment }, state);
        },
        reset() {
          rest.reset();
          moment.clear();
        },
      };
    },
  };
}

/** Which parameters have a W that Muon updates: of all layers whose inputs are no coordinates, which a network's first are. */
export function muonMatrices(all: readonly Parameter[]): number[] {
  return all.flatMap(({ place, owner }, part) => (place && (place.layer > 0 || owner !== 'network') ? [part] : []));
}

function weightsOf([rows, columns]: readonly number[]): number {
  return rows * (columns - 1);
}
