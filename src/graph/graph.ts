/** A graph: values made by operations from values, shape-checked as it is built. Nothing runs here. */

import { formatLayout, type Layout, type Shape, sameLayout, stackOf } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import type { Operation } from './operation.js';

export class Value {
  /** @internal Made by a graph. */
  constructor(
    readonly graph: Graph,
    readonly layout: Layout,
    /** What makes it: an operation's output, or a tensor's content at the start of a run. */
    readonly source: { readonly node: Node; readonly output: number } | { readonly tensor: Tensor },
  ) {}

  /** Axes of a value that is one tensor. */
  get shape(): Shape {
    const [part] = this.layout.parts;
    if (!part || this.layout.parts.length > 1)
      throw new InputError('the value is a stack of tensors: it has no one shape');
    return part.shape;
  }

  get node(): Node | undefined {
    return 'node' in this.source ? this.source.node : undefined;
  }
}

export interface Node {
  readonly operation: Operation<never>;
  readonly attributes: unknown;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

export interface Assignment {
  readonly tensor: Tensor;
  readonly value: Value;
}

export class Graph {
  readonly nodes: Node[] = [];
  readonly assignments: Assignment[] = [];
  readonly #reads = new Map<Tensor, Value>();

  /** What a tensor holds when a run begins. */
  read(tensor: Tensor): Value {
    tensor.requireAlive();
    let value = this.#reads.get(tensor);
    if (!value) {
      value = new Value(this, stackOf(tensor.layout.parts.map(part => part.shape)), { tensor });
      this.#reads.set(tensor, value);
    }
    return value;
  }

  /** Lets a tensor hold `value` when a run ends. @throws InputError if the shapes differ. */
  assign(tensor: Tensor, value: Value): void {
    this.#own(value);
    tensor.requireAlive();
    const [shapes, given] = [tensor.layout, value.layout].map(formatLayout);
    if (shapes !== given) throw new InputError(`assign: a tensor of shape ${shapes} cannot hold a value of ${given}`);
    if (this.assignments.some(assignment => assignment.tensor === tensor)) {
      throw new InputError('assign: the tensor is assigned twice in one graph');
    }
    this.assignments.push({ tensor, value });
  }

  /** Adds a node and gives its outputs. @throws InputError what the operation's shape rule has against the inputs. */
  apply<A>(operation: Operation<A>, inputs: readonly Value[], attributes: A): readonly Value[] {
    for (const input of inputs) this.#own(input);
    const layouts = operation.shapes(
      inputs.map(input => input.layout),
      attributes,
    );
    const outputs: Value[] = [];
    const node: Node = { operation: operation as Operation<never>, attributes, inputs, outputs };
    layouts.forEach((layout, output) => {
      outputs.push(new Value(this, layout, { node, output }));
    });
    this.nodes.push(node);
    return outputs;
  }

  #own(value: Value): void {
    if (value.graph !== this)
      throw new InputError('a value of another graph was used: build with the one you were given');
  }
}

/** Applies an operation in the graph that its inputs belong to. */
export function apply<A>(operation: Operation<A>, inputs: readonly Value[], attributes: A): readonly Value[] {
  const [first] = inputs;
  if (!first) throw new InputError(`${operation.name}: has no inputs`);
  return first.graph.apply(operation, inputs, attributes);
}

/** Applies an operation with one output. */
export function applyOne<A>(operation: Operation<A>, inputs: readonly Value[], attributes: A): Value {
  return apply(operation, inputs, attributes)[0] as Value;
}

/** The layout that two values share. @throws InputError naming the operation if they differ. */
export function requireSameLayout(name: string, a: Layout, b: Layout): Layout {
  if (!sameLayout(a, b)) {
    throw new InputError(`${name}: takes two values of one shape, got ${formatLayout(a)} and ${formatLayout(b)}`);
  }
  return a;
}
