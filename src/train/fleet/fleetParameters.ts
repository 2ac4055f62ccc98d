/** The parameters of a fleet on the device with all that brings them on, for each of its models by itself. */

import type { Tensor } from '../../buffer/tensor.js';
import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import type { Graph, Value } from '../../graph/operation.js';
import { bitsOf, joined } from '../../host/arrays.js';
import type { Scope } from '../../host/scope.js';
import type { Model } from '../../model/model.js';
import { type Parameter, parametersOf } from '../../model/parameters.js';
import { recordPlaces } from '../../ops/fleet/recordPlaces.js';
import {
  adamOfPlaces,
  type Beside,
  type FleetStep,
  muonStepOfPlaces,
  type Standing,
  sgdOfPlaces,
} from '../../ops/fleet/stepOfPlaces.js';
import {
  type LearningRate,
  learningRateAt,
  type Optimiser,
  type OptimiserState,
  type StepKinds,
} from '../../optimiser/optimiser.js';
import { assigning } from './assigning.js';

/** Losses and learning rates of each model kept on the device: the most steps of a submit. */
export const fleetHistory = 128;

/** Where a model stands in its training. */
export interface Standpoint {
  /** Steps counted so far, and that it makes in all. */
  readonly step: number;
  readonly steps: number;
  readonly learningRate: LearningRate;
  /** The optimiser's where it is absent. */
  readonly weightDecay?: number | undefined;
}

export class FleetParameters {
  readonly tensor: Tensor;
  /** Those from before the last step of each model. */
  readonly before: Tensor;
  /** What the optimiser keeps, once a step has been built, with what of it a place has in each region. */
  readonly kept = new Map<Tensor, readonly number[]>();
  readonly standing: Standing;
  readonly #state: OptimiserState;
  readonly #regionsOfMatrices: readonly number[];
  readonly #last: Tensor;
  readonly #history: Tensor;
  readonly #schedule: Tensor;
  readonly #roster: Tensor;

  /**
   * @param scope that disposes of what is made here.
   * @param model of one place. @param batch the same of all places together.
   * @throws InputError an optimiser of other matrices in one place than in another.
   */
  constructor(engine: Engine, scope: Scope, model: Model, batch: Model, optimiser: Optimiser) {
    const places = batch.members / model.members;
    const parameters = parametersOf(batch);
    const shapes = parameters.map(({ shape }) => shape);
    const placeOf = (part: number) => Math.floor(parameters[part].member / model.members);
    this.standing = { places, regions: regionsOf(parametersOf(model)) };
    this.tensor = scope.keep(engine.stack(shapes));
    this.before = scope.keep(engine.stack(shapes));
    /** A step that also gives the parameters from before it, which are kept. */
    const keeping = <S extends { readonly before: Value }>(graph: Graph, roster: Value, step: (of: FleetStep) => S) => {
      const { before, ...next } = step({ ...this.standing, roster, before: graph.read(this.before) });
      graph.assign(this.before, before);
      return next;
    };
    const adamWith =
      (beside?: Beside): StepKinds['adam'] =>
      (state, gradient, roster, _, attributes) =>
        keeping(gradient.graph, roster, of => adamOfPlaces(state, gradient, of, { ...attributes, ...beside }));
    const sgdWith =
      (beside?: Beside): StepKinds['sgd'] =>
      (now, moment, gradient, roster, attributes) =>
        keeping(gradient.graph, roster, of => sgdOfPlaces(now, moment, gradient, of, { ...attributes, ...beside }));
    this.#state = optimiser.start(engine, scope, parameters, {
      adam: adamWith(),
      adamBeside: share => adamWith({ share }),
      along: (now, direction, roster, attributes) =>
        muonStepOfPlaces(now, direction, { roster, places: attributes.matrices.map(placeOf) }, attributes),
      sgd: sgdWith(),
      sgdBeside: share => sgdWith({ share }),
    });
    const matrices = this.#state.matrices ?? [];
    const ofPlaces = Array.from({ length: places }, (_, place) => matrices.filter(part => placeOf(part) === place));
    if (ofPlaces.some(({ length }) => length !== ofPlaces[0].length)) {
      throw new InputError(`${optimiser.name}: its matrices must be the same of every model of a fleet`);
    }
    this.#regionsOfMatrices = regionsOf(ofPlaces[0].map(part => parameters[part]));
    this.#last = scope.keep(engine.tensor([places]));
    this.#history = scope.keep(engine.tensor([places, fleetHistory]));
    this.#schedule = scope.keep(engine.tensor([places, fleetHistory]));
    this.#roster = scope.keep(engine.tensor([places, 4]));
  }

  /** Adds one step of all models that have steps left to a graph, and keeps the losses from before it. */
  update(graph: Graph, losses: Value, gradient: Value, refreshing: boolean): void {
    const recorded = {
      last: graph.read(this.#last),
      history: graph.read(this.#history),
      roster: graph.read(this.#roster),
    };
    const { last, history, roster } = recordPlaces(losses, graph.read(this.#schedule), recorded);
    graph.assign(this.#last, last);
    graph.assign(this.#history, history);
    graph.assign(this.#roster, roster);
    const parameters = graph.read(this.tensor);
    // The roster has the count and the rate of each: the kinds of steps that the optimiser was given take them from there.
    const step = { parameters, gradient, step: roster, learningRate: roster, refreshing };
    const next = this.#state.update(
      assigning(graph, (tensor, value) => {
        const isOfAll = tensor.layout.parts.length === this.tensor.layout.parts.length;
        this.kept.set(tensor, isOfAll ? this.standing.regions : this.#regionsOfMatrices);
        graph.assign(tensor, value);
      }),
      step,
    );
    graph.assign(this.tensor, next);
  }

  /** Tells the device where each model stands; absent where the place is empty. */
  place(standpoints: readonly (Standpoint | undefined)[]): void {
    this.#last.write(bitsOf(...standpoints.map(one => one?.steps ?? 0)));
    const rosters = standpoints.map(one => [bitsOf(one?.step ?? 0, 0, 0), Float32Array.of(one?.weightDecay ?? -1)]);
    this.#roster.write(joined(rosters.flat()));
  }

  /**
   * Brings the learning rates of the next `count` steps of each model to the device, before they are submitted.
   *
   * @throws InputError a learning rate that a function of the step gives, and that is none.
   */
  schedule(standpoints: readonly (Standpoint | undefined)[], count: number): void {
    const rates = new Float32Array(standpoints.length * fleetHistory);
    standpoints.forEach((one, place) => {
      if (!one) return;
      for (let t = one.step; t < Math.min(one.step + count, one.steps); t++) {
        rates[place * fleetHistory + (t % fleetHistory)] = learningRateAt(one.learningRate, t);
      }
    });
    this.#schedule.write(rates);
  }

  /** The losses of each model's last `count` steps before the present one, fewer where it has no more left. */
  async losses(standpoints: readonly (Standpoint | undefined)[], count: number): Promise<Float32Array[]> {
    const history = await this.#history.read();
    return standpoints.map((one, place) => {
      if (!one) return new Float32Array();
      const length = Math.min(count, one.steps - one.step);
      return Float32Array.from({ length }, (_, i) => history[place * fleetHistory + ((one.step + i) % fleetHistory)]);
    });
  }
}

/** How many consecutive parameters have one owner, owner by owner. */
function regionsOf(parameters: readonly Parameter[]): number[] {
  const owners = [...new Set(parameters.map(({ owner }) => owner))];
  return owners.map(owner => parameters.filter(one => one.owner === owner).length);
}
