/** A graph that is run once, for one tensor. */

import type { Shape } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { building, within } from '../host/scope.js';
import type { Engine } from './engine.js';
import type { Graph, Value } from './operation.js';

/**
 * The value that a graph's builder returns, as a tensor that outlives the graph.
 *
 * @param shapes of its parts.
 * @returns the caller's to dispose of.
 */
export function compute(engine: Engine, shapes: readonly Shape[], build: (graph: Graph) => Value): Promise<Tensor> {
  return building(async scope => {
    const result = scope.keep(engine.stack(shapes));
    await within(async inner => {
      const plan = inner.keep(await engine.compile(graph => graph.assign(result, build(graph))));
      await plan.run();
    });
    return result;
  });
}
