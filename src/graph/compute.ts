/** A graph that is run once, for one tensor. */

import type { Shape } from '../buffer/layout.js';
import { requireTensor, type Tensor } from '../buffer/tensor.js';
import { requireOptions } from '../host/checks.js';
import { building, within } from '../host/scope.js';
import { type Engine, type PackedOptions, requireEngine } from './engine.js';
import type { Graph, Value } from './operation.js';

/**
 * The value that a graph's builder returns, as a tensor that outlives the graph.
 *
 * @param shapes of its parts.
 * @returns the caller's to dispose of.
 */
export function compute(engine: Engine, shapes: readonly Shape[], build: (graph: Graph) => Value): Promise<Tensor> {
  return computeInto(engine, engine.stack(shapes), build);
}

function computeInto(engine: Engine, made: Tensor, build: (graph: Graph) => Value): Promise<Tensor> {
  return building(async scope => {
    const result = scope.keep(made);
    await within(async inner => {
      const plan = inner.keep(await engine.compile(graph => graph.assign(result, build(graph))));
      await plan.run();
    });
    return result;
  });
}

/**
 * A tensor with its rows directly after each other, for work of a host's own: `buffer` of it is as the host wants it.
 *
 * @param options as of `Engine.packed`.
 * @returns the caller's to dispose of.
 */
export async function packedCopy(engine: Engine, tensor: Tensor, options: PackedOptions = {}): Promise<Tensor> {
  requireEngine(engine);
  requireTensor(tensor);
  requireOptions('packedCopy', options, { usage: true });
  const shapes = tensor.layout.parts.map(({ shape }) => shape);
  return computeInto(engine, engine.packed(shapes, undefined, options), graph => graph.read(tensor));
}
