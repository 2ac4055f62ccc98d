/** Vector-Jacobian products through the operations of this room. */

import { type CotangentTransformations, differentiate } from '../graph/differentiate.js';
import type { Cotangent, Value } from '../graph/operation.js';
import { add } from './elementwise/linearCombination.js';

/** As many values as there are inputs. */
type ValueOfEach<I extends readonly Value[]> = { -readonly [K in keyof I]: Value };

/**
 * The vector-Jacobian products of `output` with respect to each of `inputs`.
 *
 * @param seed the cotangent at the output: a value of its shape, or a number for a scalar such as a loss.
 * @param transformations put other cotangents instead of those that reach values on the way: that is what a
 *   preconditioner such as SepPGD does.
 * @throws InputError an input that the output does not depend on, or a path through an operation without a VJP.
 */
export function vjp<I extends readonly [] | readonly Value[]>(
  output: Value,
  seed: Cotangent,
  inputs: I,
  transformations?: CotangentTransformations,
): ValueOfEach<I> {
  return vjpOfSeveral(new Map([[output, seed]]), inputs, transformations);
}

/**
 * The vector-Jacobian products of several outputs together, added up: where each has a cotangent of its own.
 *
 * @param seeds the cotangent at each output, as for `vjp`.
 * @throws InputError as `vjp`.
 */
export function vjpOfSeveral<I extends readonly [] | readonly Value[]>(
  seeds: ReadonlyMap<Value, Cotangent>,
  inputs: I,
  transformations?: CotangentTransformations,
): ValueOfEach<I> {
  return differentiate(seeds, inputs, add, transformations) as ValueOfEach<I>;
}
