/**
 * From a graph to a list of dispatches over storages: unneeded nodes fall away, nodes fuse, each operation is lowered,
 * and updates in place share memory where nobody else needs what they overwrite.
 */

import { isQuadAligned } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import type { Device } from '../device/device.js';
import type { Dispatch } from '../kernel/dispatch.js';
import { copyRows } from './copyRows.js';
import { type Graph, type Node, type Operand, type Operation, scratch, type Value } from './operation.js';

/** A node as it will run: itself, or what it was fused into. */
interface Step {
  readonly outputs: readonly Value[];
  readonly operation: Operation<never>;
  readonly attributes: unknown;
  readonly inputs: readonly Value[];
}

/** The dispatches of one run, in order. */
export function lower(graph: Graph, device: Device): Dispatch[] {
  const steps = stepsOf(graph);
  const lastUse = new Map<Value, number>();
  steps.forEach((step, at) => {
    for (const input of step.inputs) lastUse.set(input, at);
  });
  // Where a value is to lie: in what it is assigned to, or what it is brought up to date to in place is.
  const homes = new Map(graph.assignments.map(({ tensor, value }) => [value, tensor]));
  for (const { operation, inputs, outputs } of [...steps].reverse()) {
    operation.updates?.forEach((updated, index) => {
      const input = inputs[updated as number];
      const home = homes.get(outputs[index]);
      if (home && input && !homes.has(input)) homes.set(input, home);
    });
  }
  const operands = new Map<Value, Operand>();
  const dispatches: Dispatch[] = [];
  const copied = (from: Operand, value: Value): Operand => {
    const own = scratch(value.layout);
    dispatches.push(...copyRows(device, from, own));
    return own;
  };

  // What another tensor is to hold in the end is kept from before a run's first write, as where two swap places.
  const kept = new Map<Value, Operand>();
  for (const { tensor: target, value } of graph.assignments) {
    const tensor = tensorOf(value);
    if (!tensor || tensor === target || kept.has(value)) continue;
    if (graph.assignments.some(other => other.tensor === tensor)) kept.set(value, copied(tensor, value));
  }

  const inputOperand = (value: Value, packedWillDo: boolean): Operand => {
    const known = operands.get(value);
    if (known) return known;
    const tensor = tensorOf(value) as Tensor; // nodes stand in the order in which they were made
    if (packedWillDo || isQuadAligned(tensor.layout)) return tensor;
    const own = copied(tensor, value); // rows of a host's buffer that are no whole quads, before they are multiplied
    operands.set(value, own);
    return own;
  };

  const outputOperand = (step: Step, at: number, index: number, inputs: readonly Operand[]): Operand => {
    const output = step.outputs[index] as Value;
    const tensor = homes.get(output);
    const updated = step.operation.updates?.[index];
    if (updated === undefined) {
      const free = tensor && isQuadAligned(tensor.layout) && (lastUse.get(graph.read(tensor)) ?? -1) < at;
      return free ? tensor : scratch(output.layout);
    }
    const input = step.inputs[updated] as Value;
    const before = inputs[updated] as Operand;
    const home = tensorOf(input) ?? homes.get(input);
    const isOnlyUse = lastUse.get(input) === at && step.inputs.filter(other => other === input).length === 1;
    return isOnlyUse && (!home || home === tensor) ? before : copied(before, output);
  };

  steps.forEach((step, at) => {
    const { operation, attributes } = step;
    const inputs = step.inputs.map((input, i) => inputOperand(input, operation.takesPacked?.includes(i) ?? false));
    const outputs = step.outputs.map((_, i) => outputOperand(step, at, i, inputs));
    step.outputs.forEach((output, i) => {
      operands.set(output, outputs[i] as Operand);
    });
    dispatches.push(...operation.lower({ device, attributes: attributes as never, inputs, outputs }));
  });
  for (const { tensor, value } of graph.assignments) {
    const from = kept.get(value) ?? inputOperand(value, true);
    if (from.storage !== tensor.storage) dispatches.push(...copyRows(device, from, tensor));
  }
  return dispatches;
}

/** The tensor of which a value is what it holds when a run begins. */
function tensorOf({ source }: Value): Tensor | undefined {
  return (source as { readonly tensor?: Tensor }).tensor;
}

/** The nodes that an assignment depends on, each fused with its input's producer where nobody else uses that input. */
function stepsOf(graph: Graph): Step[] {
  const needed = new Set<Node>();
  const visit = (value: Value) => {
    if (!value.node || needed.has(value.node)) return;
    needed.add(value.node);
    value.node.inputs.forEach(visit);
  };
  const wanted = graph.assignments.map(({ value }) => value);
  wanted.forEach(visit);

  const steps: Step[] = graph.nodes.filter(node => needed.has(node));
  const users = new Map<Value, number>();
  for (const value of wanted) users.set(value, 2);
  for (const input of steps.flatMap(step => step.inputs)) users.set(input, (users.get(input) ?? 0) + 1);
  const fused = steps.map(step => {
    const single = step.inputs.map(input => (users.get(input) === 1 ? input : undefined));
    const merged = step.operation.fuse?.(step.inputs, single, step.attributes as never);
    return merged ? { ...merged, outputs: step.outputs } : step;
  });
  const used = new Set([...fused.flatMap(step => step.inputs), ...wanted]);
  return fused.filter(step => step.outputs.some(output => used.has(output)));
}
