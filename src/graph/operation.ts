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
  /** Where it may be used: another graph refuses it. */
  readonly graph: Graph;
  /** Shapes of its tensors, rows padded to whole quads. */
  readonly layout: Layout;
  /** Axes of a value that is one tensor. @throws InputError for a stack of several. */
  readonly shape: Shape;
  /** What makes it: output number `output` of a `node`, or what a `tensor` holds at the start of a run. */
  readonly source: { readonly node: Node; readonly output: number } | { readonly tensor: Tensor };
  /** The node of which it is an output. */
  readonly node: Node | undefined;
}

/** An operation applied to values of a graph. */
export interface Node {
  /** What is computed, and how. */
  readonly operation: Operation<never>;
  /** Settings that are no values, as the operation takes them. */
  readonly attributes: unknown;
  /** Values that it is applied to, in the order of the operation. */
  readonly inputs: readonly Value[];
  /** Values that it gives, of the layouts that `Operation.shapes` said. */
  readonly outputs: readonly Value[];
}

/** A tensor brought up to date by a run: `Graph.assign`. */
export interface Assignment {
  /** Where the run leaves its result. */
  readonly tensor: Tensor;
  /** What stands there at the end of a run, of the same shapes. */
  readonly value: Value;
}

/** Values made by operations from values, shape-checked as it is built. Nothing runs here. */
export interface Graph {
  /** Operations applied so far, each after those whose outputs it takes. */
  readonly nodes: readonly Node[];
  /** Tensors that a run is to bring up to date, in the order of the calls of `assign`. */
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
  /** How its parts lie in `storage`, in numbers from where that begins. */
  readonly layout: Layout;
  /** What a dispatch binds. */
  readonly storage: Storage;
}

/** What a lowering works with. An output that nobody uses has a storage all the same. */
export interface Site<A> {
  /** For which the dispatches are: its limits and its kind choose among kernels. */
  readonly device: Device;
  /** What `Graph.apply` was given. */
  readonly attributes: A;
  /** Operands to be read, in the order of the operation. */
  readonly inputs: readonly Operand[];
  /** Operands to be written whole, in the order of `Operation.shapes`. */
  readonly outputs: readonly Operand[];
}

/** The cotangent of a value: a value of its shape, or a number where it is that number times the seed of a loss. */
export type Cotangent = Value | number;

/** What a VJP works with: a node of a graph, to which it adds others. */
export interface VjpSite<A> {
  /** What `Graph.apply` was given. */
  readonly attributes: A;
  /** Values that the node takes. */
  readonly inputs: readonly Value[];
  /** Values that the node gives, such as residuals kept for the VJP. */
  readonly outputs: readonly Value[];
  /** One per output; undefined where nothing flows back, but not for all. */
  readonly cotangents: readonly (Cotangent | undefined)[];
}

/** What graphs are made of: a shape rule, its lowering to dispatches, and its VJP. A host may write its own. */
export interface Operation<A = unknown> {
  /** By which errors call it. */
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
  /** Why there is no `vjp`, for the error of who asks for a gradient through it. */
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
  /** What does the work of both. */
  readonly operation: Operation<never>;
  /** What that takes in the place of theirs. */
  readonly attributes: unknown;
  /** What that is applied to in the place of their inputs. */
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
