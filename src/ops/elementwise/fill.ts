/** A value that is one number everywhere. */

import type { Layout } from '../../buffer/layout.js';
import type { Cotangent, Graph, Operation, Value } from '../../graph/operation.js';
import { dispatch, oneThreadEach } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/elementwise.js';

interface Attributes {
  readonly layout: Layout;
  readonly value: number;
}

const filling: Operation<Attributes> = {
  name: 'fill',
  shapes: (_, { layout }) => [layout],
  lower: ({ device, attributes: { value }, outputs: [result] }) => [
    dispatch(kernels.fill, {
      ...oneThreadEach(device, result.layout.length),
      settings: { count: result.layout.length, value },
      buffers: { result: result.storage },
    }),
  ],
  vjp: () => [],
};

/** A value of the given layout, `value` everywhere. */
export function fill(graph: Graph, layout: Layout, value: number): Value {
  return graph.apply(filling, [], { layout, value })[0];
}

/** The cotangent of `output` as a value, also where it is a number, or 0 since nothing flows back. */
export function asValue(cotangent: Cotangent | undefined, output: Value): Value {
  return typeof cotangent === 'object' ? cotangent : fill(output.graph, output.layout, cotangent ?? 0);
}
