/**
 * The words of a graph: values, the nodes that make them, and what an operation is: its shape rule, its lowering to
 * dispatches and its VJP, which stand together in one file.
 */

import type { Layout, Part, Shape } from '../buffer/layout.js';
import { Storage } from '../buffer/memory.js';
import type { Tensor } from '../buffer/tensor.js';
import type { Device } from '../device/device.js';
import type { Dispatch } from '../kernel/dispatch.js';
import type { SlotText } from '../kernel/kernel.js';

/** One or several tensors that a run will have, known by their shapes alone. */
export interface Value {
  readonly graph: Graph;
  readonly layout: Layout;
  /** Axes of a value that is one tensor. @throws InputError for a stack of several. */
  readonly shape: Shape;
  /** What makes it: an operation's output, or a tensor's content at the start of a run. */
  readonly source: { readonly node: Node; readonly output: number } | { readonly tensor: Tensor };
  /** The node of which it is an output. */
  readonly node: Node | undefined;
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

/** Values made by operations from values, shape-checked as it is built. Nothing runs here. */
export interface Graph {
  readonly nodes: readonly Node[];
  readonly assignments: readonly Assignment[];
  /** What a tensor holds when a run begins. @throws InputError a tensor of another device, or disposed of. */
  read(tensor: Tensor): Value;
  /** Lets a tensor hold `value` when a run ends. @throws InputError other shapes, or a tensor assigned twice. */
  assign(tensor: Tensor, value: Value): void;
  /** Adds a node and gives its outputs. @throws InputError what the operation's shape rule has against the inputs. */
  apply<A>(operation: Operation<A>, inputs: readonly Value[], attributes: A): readonly Value[];
}

/** A value at the moment of lowering: where it will lie. */
export interface Operand {
  readonly layout: Layout;
  readonly storage: Storage;
}

/** What a lowering works with. An output that nobody uses has a storage all the same. */
export interface Site<A> {
  readonly device: Device;
  readonly attributes: A;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
}

/** The cotangent of a value: a value of its shape, or a number where it is that number times the seed of a loss. */
export type Cotangent = Value | number;

export interface VjpSite<A> {
  readonly attributes: A;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** One per output; undefined where nothing flows back, but not for all. */
  readonly cotangents: readonly (Cotangent | undefined)[];
}

export interface Operation<A = unknown> {
  readonly name: string;
  /** The outputs' layouts. @throws InputError naming the operation, what is wrong and what would be right. */
  shapes(inputs: readonly Layout[], attributes: A): readonly Layout[];
  /** Dispatches that write every output whole. They run in order; each sees what those before it wrote. */
  lower(site: Site<A>): readonly Dispatch[];
  /**
   * Cotangents of the inputs, as nodes; undefined for one that it does not serve, and a gradient that needs that is
   * refused. Absent: `notDifferentiable` says why.
   */
  readonly vjp?: (site: VjpSite<A>) => readonly (Cotangent | undefined)[];
  readonly notDifferentiable?: string;
  /** For each output that is an input brought up to date, that input's index: the two share memory where they can. */
  readonly updates?: readonly (number | undefined)[];
  /** Inputs whose rows need not be whole quads: packed memory serves there as it is. */
  readonly takesPacked?: readonly number[];
  /**
   * What does the work of this node and of the producer of one of its inputs in one, or undefined.
   *
   * @param unshared the inputs that no other node uses, and undefined instead of the others.
   */
  readonly fuse?: (
    inputs: readonly Value[],
    unshared: readonly (Value | undefined)[],
    attributes: A,
  ) => Fused | undefined;
  /**
   * What computes this operation's only output and takes a pointwise loss of it as it is stored: an operation on the
   * inputs and the target with the outputs of `pointwiseLoss`. Absent where there is none.
   */
  readonly epilogue?: (attributes: A, loss: SlotText) => Pick<Fused, 'operation' | 'attributes'>;
}

/** An operation with the same outputs on other inputs. */
export interface Fused {
  readonly operation: Operation<never>;
  readonly attributes: unknown;
  readonly inputs: readonly Value[];
}

// Why an operation has no VJP.
export const secondDerivatives = 'it is a part of a gradient, and second derivatives are not offered';
export const noGradientFlows = 'a preconditioner is made from it, through which no gradient flows';
export const updatesState = 'it updates state';

/** Memory that one lowering needs between its own dispatches. */
export function scratch(layout: Layout): Operand {
  return { layout, storage: new Storage(layout.length * 4) };
}

/** Some parts of an operand, or stretches of them, as a stack where they are. */
export function withParts({ layout, storage }: Operand, parts: readonly Part[]): Operand {
  return { layout: { ...layout, parts }, storage };
}

/** Parts i, i + step, i + 2 step .. of a stack. */
export function everyPart(operand: Operand, step: number, i: number): Operand {
  return withParts(
    operand,
    operand.layout.parts.filter((_, at) => at % step === i),
  );
}
