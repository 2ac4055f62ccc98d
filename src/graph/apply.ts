/** How operations are applied and compare their inputs. */

import { formatLayout, type Layout } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { shown } from '../host/checks.js';
import type { Graph, Operation, Value } from './operation.js';

/** Applies an operation in the graph that its inputs belong to. @throws InputError as `Graph.apply`. */
export function apply<A>(operation: Operation<A>, inputs: readonly Value[], attributes: A): readonly Value[] {
  return graphOf(operation.name, inputs[0]).apply(operation, inputs, attributes);
}

/** The graph of a value. @throws InputError naming who takes it, something else, such as a tensor. */
export function graphOf(name: string, value: Value): Graph {
  if (value?.graph) return value.graph;
  throw new InputError(`${name}: ${shown(value)} is no value: use graph.read(tensor)`);
}

/** Applies an operation with one output. */
export function applyOne<A>(operation: Operation<A>, inputs: readonly Value[], attributes: A): Value {
  return apply(operation, inputs, attributes)[0] as Value;
}

/** The layout that is wanted, by its shapes, and given. @throws InputError naming who wants it if they differ. */
export function requireSameLayout(name: string, wanted: Layout, given: Layout): Layout {
  const [expected, got] = [wanted, given].map(formatLayout);
  if (expected === got) return wanted;
  throw new InputError(`${name}: takes a value of shape ${expected}, got ${got}`);
}

/** @throws InputError naming the operation unless two stacks have as many parts. */
export function requireSameHeight(name: string, a: Layout, b: Layout): void {
  if (a.parts.length === b.parts.length) return;
  throw new InputError(`${name}: takes stacks of one height, got ${formatLayout(a)} and ${formatLayout(b)}`);
}

/** What tensors hold when a run begins, by their names. */
export function readAll<N extends string>(graph: Graph, tensors: Readonly<Record<N, Tensor>>) {
  const values = Object.entries<Tensor>(tensors).map(([name, tensor]) => [name, graph.read(tensor)]);
  return Object.fromEntries(values) as Readonly<Record<N, Value>>;
}

/** Lets tensors hold the values of their names when a run ends. */
export function assignAll<N extends string>(
  graph: Graph,
  tensors: Readonly<Record<N, Tensor>>,
  values: Readonly<Record<N, Value>>,
): void {
  for (const [name, tensor] of Object.entries<Tensor>(tensors)) graph.assign(tensor, values[name as N]);
}
