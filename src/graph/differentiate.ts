/** Reverse-mode differentiation: the VJPs of a graph's operations, added to it as nodes. */

import { InputError } from '../errors.js';
import { requireList } from '../host/checks.js';
import { graphOf, requireSameLayout } from './apply.js';
import type { Cotangent, Node, Value } from './operation.js';

/** How cotangents are added up where a value is used more than once; an operation of its own, given by its room. */
export type Add = (a: Value, b: Value) => Value;

/** What to put instead of a cotangent. */
export type CotangentMap = (cotangent: Value) => Value;

/** Puts another cotangent instead of the one that reaches a value: a preconditioner is nothing else. */
export type CotangentTransformations = ReadonlyMap<Value, CotangentMap>;

/**
 * The vector-Jacobian products of outputs with respect to each of `inputs`, given the cotangent at each output.
 *
 * @param seeds a value of the output's shape for each, or a number for a loss, whose own VJP knows what to do with it.
 * @throws InputError an input that no output depends on, or a path through an operation without a VJP, or through an input
 * that the VJP does not serve.
 */
export function differentiate(
  seeds: ReadonlyMap<Value, Cotangent>,
  inputs: readonly Value[],
  add: Add,
  transformations: CotangentTransformations = new Map(),
): Value[] {
  requireList('vjp', inputs, 'give vjp(output, seed, [input])');
  for (const seed of seeds.values()) if (typeof seed !== 'number') graphOf('vjp: the seed', seed);
  const cotangents = new Map(seeds);
  const arrived = (value: Value): Cotangent | undefined => {
    const cotangent = cotangents.get(value);
    const map = transformations.get(value);
    return map && cotangent !== undefined ? map(requireValue(cotangent, 'the cotangent to transform')) : cotangent;
  };
  const needed = ancestorsOf([...seeds.keys()], inputs);
  const isOnPath = (value: Value) => inputs.includes(value) || (value.node !== undefined && needed.has(value.node));
  for (const node of [...needed].reverse()) {
    const own = node.outputs.map(arrived);
    if (own.every(cotangent => cotangent === undefined)) continue;
    const found = vjpOf(node, own);
    for (const [i, input] of node.inputs.entries()) {
      const cotangent = found[i];
      if (cotangent === undefined) {
        if (!isOnPath(input)) continue;
        throw new InputError(`${node.operation.name}: has no gradient with respect to its input ${i}`);
      }
      const before = cotangents.get(input);
      cotangents.set(input, before === undefined ? cotangent : sum(before, cotangent, add));
    }
  }
  return inputs.map(input => {
    const cotangent = arrived(input);
    if (cotangent === undefined) throw new InputError('vjp: the output does not depend on an input');
    return requireValue(cotangent, 'the gradient');
  });
}

function vjpOf(node: Node, cotangents: readonly (Cotangent | undefined)[]) {
  const { operation, inputs, outputs, attributes } = node;
  if (!operation.vjp) {
    throw new InputError(`${operation.name}: has no gradient: ${operation.notDifferentiable ?? 'none is written'}`);
  }
  const found = operation.vjp({ attributes: attributes as never, inputs, outputs, cotangents });
  found.forEach((cotangent, i) => {
    const input = inputs[i];
    if (typeof cotangent !== 'object' || !input) return;
    requireSameLayout(`${operation.name}: the VJP`, input.layout, cotangent.layout);
  });
  return found;
}

/** The nodes on a path from one of `inputs` to one of `outputs`, in their order: nothing else needs a gradient. */
function ancestorsOf(outputs: readonly Value[], inputs: readonly Value[]): Set<Node> {
  const wanted = new Set(inputs);
  const onPath = new Set<Node>();
  const { nodes } = graphOf('vjp', outputs[0]);
  for (const node of nodes) {
    if (node.inputs.some(input => wanted.has(input) || (input.node && onPath.has(input.node)))) onPath.add(node);
  }
  const reaching = new Set<Node>();
  const visit = (node: Node | undefined) => {
    if (!node || !onPath.has(node) || reaching.has(node)) return;
    reaching.add(node);
    for (const input of node.inputs) visit(input.node);
  };
  for (const output of outputs) visit(output.node);
  return new Set(nodes.filter(node => reaching.has(node)));
}

function sum(a: Cotangent, b: Cotangent, add: Add): Cotangent {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  return add(requireValue(a, 'a cotangent'), requireValue(b, 'a cotangent'));
}

export function requireValue(cotangent: Cotangent, what: string): Value {
  if (typeof cotangent === 'number')
    throw new InputError(`${what} is a bare number: give a value of the output's shape`);
  return cotangent;
}
