/** A graph as it is built. */

import { type Layout, onlyPart, type Shape, stackOf } from '../buffer/layout.js';
import type { Memory } from '../buffer/memory.js';
import { requireTensor, type Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { shown } from '../host/checks.js';
import { requireSameLayout } from './apply.js';
import type { Assignment, Graph, Node, Operation, Value } from './operation.js';

class RecordedValue implements Value {
  constructor(
    readonly graph: Graph,
    readonly layout: Layout,
    readonly source: Value['source'],
  ) {}

  get shape(): Shape {
    return onlyPart('shape', this.layout).shape;
  }

  get node(): Node | undefined {
    return (this.source as { readonly node?: Node }).node;
  }
}

export class Recorder implements Graph {
  readonly nodes: Node[] = [];
  readonly assignments: Assignment[] = [];
  readonly #reads = new Map<Tensor, Value>();

  constructor(private readonly memory: Memory) {}

  /** Those that a run reads or writes. */
  get tensors(): Tensor[] {
    return [...this.#reads.keys(), ...this.assignments.map(({ tensor }) => tensor)];
  }

  read(tensor: Tensor): Value {
    requireTensor(tensor);
    tensor.requireOn(this.memory);
    const value =
      this.#reads.get(tensor) ??
      new RecordedValue(this, stackOf(tensor.layout.parts.map(part => part.shape)), { tensor });
    this.#reads.set(tensor, value);
    return value;
  }

  assign(tensor: Tensor, value: Value): void {
    this.#own(value);
    requireTensor(tensor);
    tensor.requireOn(this.memory);
    requireSameLayout('assign', tensor.layout, value.layout);
    if (this.assignments.some(assignment => assignment.tensor === tensor)) {
      throw new InputError('assign: the tensor is assigned twice in one graph');
    }
    this.assignments.push({ tensor, value });
  }

  apply<A>(operation: Operation<A>, inputs: readonly Value[], attributes: A): readonly Value[] {
    for (const input of inputs) this.#own(input);
    const layouts = operation.shapes(
      inputs.map(input => input.layout),
      attributes,
    );
    const outputs: Value[] = [];
    const node: Node = { operation: operation as Operation<never>, attributes, inputs, outputs };
    outputs.push(...layouts.map((layout, output) => new RecordedValue(this, layout, { node, output })));
    this.nodes.push(node);
    return outputs;
  }

  #own(value: Value): void {
    if (value?.graph === this) return;
    throw new InputError(`${shown(value)} is no value of this graph: use graph.read(tensor)`);
  }
}
