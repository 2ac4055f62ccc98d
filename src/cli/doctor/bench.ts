/**
 * What the families of the self-test share: how something is computed on the device, and how it is compared.
 *
 * Their sizes: where nothing else asks for another, 21 to 24, 41 to 48 and 65 to 72, which a driver with vectors of 8 lanes has in
 * tiles of 24 (schedule/table.ts), so that products of one kernel are one text and compiled once.
 */

import type { Tensor } from '../../buffer/tensor.js';
import type { Device } from '../../device/device.js';
import type { Engine } from '../../graph/engine.js';
import type { Graph, Operation, Value } from '../../graph/operation.js';
import type { Plan } from '../../graph/plan.js';
import { Random } from '../../host/random.js';
import { Scope } from '../../host/scope.js';
import type { SlotText } from '../../kernel/kernel.js';
import * as activationTexts from '../../wgsl/activation.js';
import * as derivativeTexts from '../../wgsl/derivatives.js';
import * as innerTexts from '../../wgsl/inner.js';
import * as lossTexts from '../../wgsl/loss.js';
import * as scheduleTexts from '../../wgsl/schedule.js';

/** One quantity that a family computed, against what it is in float64. */
export interface Check {
  readonly quantity: string;
  /** The largest deviation, in units of the largest number that there should be. */
  readonly error: number;
  readonly tolerance: number;
}

export interface Family {
  readonly name: string;
  run(bench: Bench): Promise<readonly Check[]>;
}

/** Workgroups along an axis of a device on which tensors of some thousand numbers are folded to two. */
export const mostOfNarrow = 7;

/** What of a slot's text stands in whatever is compiled of it and nowhere else: of its last function, up to a loop that is written out. */
const slotTexts = [activationTexts, derivativeTexts, innerTexts, lossTexts, scheduleTexts].flatMap(module =>
  (Object.values(module) as Partial<SlotText>[]).flatMap(({ name, source }) => {
    if (name === undefined || source === undefined) return [];
    const [part = ''] = source.slice(source.lastIndexOf('fn ')).split('//# unroll');
    return [{ name, part: part.trim() }];
  }),
);

/** A device on which families compute; it keeps count of what ran. */
export class Bench {
  readonly scope = new Scope();
  readonly random = new Random(20_240_607);
  /** Kernels, and the texts in their slots, by their names. */
  readonly kernels = new Set<string>();

  readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = new Proxy(engine, {
      get: (target, name) => {
        const found: unknown = Reflect.get(target, name, target);
        if (typeof found !== 'function') return found;
        if (name !== 'compile') return found.bind(target);
        // Whoever compiles on it, a trainer of its own plans too.
        return async (...given: Parameters<Engine['compile']>) => {
          const made = await target.compile(...given);
          for (const plan of 'dispatches' in made ? [made as unknown as Plan] : Object.values<Plan>(made))
            this.#note(plan);
          return made;
        };
      },
    });
  }

  /** Numbers from -1 to 1, as float32 has them. */
  numbers(count: number): Float32Array {
    return new Float32Array(count).map(() => this.random.uniform(-1, 1));
  }

  tensor(shape: readonly number[], values: ArrayLike<number> & Iterable<number>): Tensor {
    return this.scope.keep(this.engine.tensor(shape, values));
  }

  stack(shapes: readonly (readonly number[])[], values: ArrayLike<number> & Iterable<number>): Tensor {
    return this.scope.keep(this.engine.stack(shapes, values));
  }

  /** What a graph makes, by the names of its outputs. */
  async compute<N extends string>(
    build: (graph: Graph) => Readonly<Record<N, Value>>,
  ): Promise<Record<N, Float32Array>> {
    const plan = await this.engine.compile(build);
    try {
      await plan.run();
      const read = {} as Record<N, Float32Array>;
      for (const name of Object.keys(plan.outputs) as N[]) read[name] = await plan.outputs[name].read();
      return read;
    } finally {
      plan.dispose();
    }
  }

  /**
   * The same as on a device that takes no more than `mostOfNarrow` workgroups along an axis: where those that are more than 65,535
   * are folded, a text is the same, and so is its arithmetic.
   */
  computeNarrow<N extends string>(
    build: (graph: Graph) => Readonly<Record<N, Value>>,
  ): Promise<Record<N, Float32Array>> {
    return this.compute(graph => {
      const made = build(graph);
      for (const node of graph.nodes as unknown as { operation: Operation<never> }[]) {
        const { operation } = node;
        node.operation = {
          ...operation,
          lower: site => operation.lower({ ...site, device: narrow(site.device) }),
        };
      }
      return made;
    });
  }

  #note({ dispatches }: Pick<Plan, 'dispatches'>): void {
    for (const { kernel, source } of dispatches) {
      for (const one of kernel.split(' + ')) this.kernels.add(one); // several that go in one dispatch
      for (const { name, part } of slotTexts) if (source.includes(part)) this.kernels.add(name);
    }
  }
}

function narrow(device: Device): Device {
  const { limits } = device;
  const value = new Proxy(limits, {
    get: (_, name) => (name === 'maxComputeWorkgroupsPerDimension' ? mostOfNarrow : Reflect.get(limits, name)),
  });
  return Object.create(device, { limits: { value } }) as Device;
}

/** @param tolerance what float32 may come to; more than that is wrong. */
export function compared(quantity: string, got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number): Check {
  if (got.length !== want.length) return { quantity, error: Number.POSITIVE_INFINITY, tolerance };
  let [error, most] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    const deviation = Math.abs(got[i] - want[i]);
    // A NaN is a deviation too.
    if (!(deviation <= error)) error = Number.isNaN(deviation) ? Number.POSITIVE_INFINITY : deviation;
    most = Math.max(most, Math.abs(want[i]));
  }
  return { quantity, error: most > 0 ? error / most : error, tolerance };
}
