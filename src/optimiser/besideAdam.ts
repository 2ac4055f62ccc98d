/** Optimisers of the matrices of all networks, and of the hidden one of a decoder, with Adam on what is no such matrix. */

import { numbersIn } from '../buffer/layout.js';
import { restoreTensors, type StateArrays, stateOfTensors } from '../buffer/namedTensors.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import type { Engine } from '../graph/engine.js';
import type { Value } from '../graph/operation.js';
import type { Parameter } from '../model/parameters.js';
import { scale } from '../ops/elementwise/linearCombination.js';
import { adam } from './adam.js';
import type { Optimiser, Step } from './optimiser.js';

/** How matrices [W | b] are brought on. */
export interface OfMatrices<N extends string> {
  /** What is kept, zero at first: shapes by name, from those of the matrices. */
  readonly kept: Readonly<Record<N, (matrices: readonly Parameter[]) => readonly (readonly number[])[]>>;
  /** Whether the W of a [W | b] is one of them: `isHiddenMatrix` by default. */
  readonly isMatrix?: (parameter: Parameter) => boolean;
  /**
   * A step, of which the biases beside the matrices and all else are left alone.
   *
   * @param matrices their places among the parameters.
   * @returns with what remains of the gradient for Adam: 0 at the matrices.
   */
  update(
    step: Step,
    matrices: readonly number[],
    kept: Readonly<Record<N, Value>>,
  ): Readonly<Record<N | 'parameters' | 'rest', Value>>;
}

/** @param restRate Adam's learning rate at every step in units of `learningRate`. */
export function besideAdam<N extends string>(
  { name, learningRate, refresh }: Pick<Optimiser, 'name' | 'learningRate' | 'refresh'>,
  restRate: number,
  { kept, isMatrix, update }: OfMatrices<N>,
): Optimiser {
  const ofRest = adam({ learningRate });
  return {
    name,
    learningRate,
    ...(refresh !== undefined && { refresh }),
    start(engine: Engine, scope, all) {
      const matrices = matricesAmong(all, isMatrix);
      if (matrices.length === 0) {
        throw new InputError(`${name}: nothing in this model is a matrix of more than one input: use adam`);
      }
      const rest = ofRest.start(engine, scope, all);
      const names = Object.keys(kept) as N[];
      const tensors = Object.fromEntries(
        names.map(one => [one, scope.keep(engine.stack(kept[one](matrices.map(part => all[part]))))]),
      ) as Record<N, Tensor>;
      return {
        update(graph, step) {
          const before = Object.fromEntries(names.map(one => [one, graph.read(tensors[one])])) as Record<N, Value>;
          const stepped = update(step, matrices, before);
          for (const one of names) graph.assign(tensors[one], stepped[one]);
          return rest.update(graph, {
            ...step,
            parameters: stepped.parameters,
            gradient: stepped.rest,
            learningRate: scale(step.learningRate, restRate),
          });
        },
        state: async () => ({ ...(await rest.state()), ...(await stateOfTensors(tensors)) }),
        restore(state: StateArrays) {
          if (names.some(one => state[one]?.length !== numbersIn(tensors[one].layout))) {
            const needed = names.join(', ');
            throw new InputError(`restore: the optimiser's state is not that of these parameters: it needs ${needed}`);
          }
          rest.restore(state);
          restoreTensors(tensors, state);
        },
        reset() {
          rest.reset();
          for (const tensor of Object.values<Tensor>(tensors)) tensor.clear();
        },
      };
    },
  };
}

/** Which parameters, of those that are [W | b], have a W that such an optimiser updates. */
export function matricesAmong(all: readonly Parameter[], isMatrix = isHiddenMatrix): number[] {
  return all.flatMap((parameter, part) => (parameter.place && isMatrix(parameter) ? [part] : []));
}

/**
 * Hidden as the whole model has it: those of more than one input, but for a decoder's last: it gives the outputs themselves, whose size no rate of a step of
 * unit singular values knows (Jordan 2024 has Adam there too). A network's last gives factors, which others multiply.
 */
export function isHiddenMatrix({ place, shape: [, columns], owner }: Parameter): boolean {
  return place !== undefined && columns > 2 && (owner === 'network' || place.layer < place.depth - 1);
}
