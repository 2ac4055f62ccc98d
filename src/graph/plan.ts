/** A compiled graph: replayed as often as wanted, in submits of the engine's own or inside a host's. */

import type { Tensor } from '../buffer/tensor.js';
import { requireCount } from '../host/checks.js';
import { type Dispatch, totalWork, type Work } from '../kernel/dispatch.js';
import { encodeParts, type HostEncoder, type Part, type Sequence } from '../kernel/sequence.js';
import { submit } from '../kernel/submit.js';
import type { Graph, Value } from './operation.js';

/** What a graph's builder returns: values to be read after a run, by name. */
export type Outputs = Readonly<Record<string, Value>>;
/** Builds one graph. */
export type Build<O extends Outputs | void = Outputs | void> = (graph: Graph) => O;
/** Tensors by the names of a plan's outputs. */
export type OutputTensors<O> = { readonly [K in keyof O]: Tensor };

/** A compiled graph, which `Engine.compile` gives: run as often as wanted, or encoded into a submit of a host's own. */
export class Plan<O = unknown> {
  /** @internal Made by an engine. */
  constructor(
    /** The tensors that hold the values which the builder returned, after every run. */
    readonly outputs: OutputTensors<O>,
    /** What one run is made of, in order, as data. */
    readonly dispatches: readonly Dispatch[],
    /** What a run reads or writes. */
    private readonly tensors: readonly Tensor[],
    private readonly sequence: Sequence,
    private readonly release: () => void,
  ) {}

  /** Of one run. */
  get work(): Work {
    return totalWork(this.dispatches);
  }

  /**
   * Encodes `times` runs, 1 by default, into a host's compute pass, or into its command encoder as a pass of their own.
   * The host submits it; errors of the device are the host's to see. A dispatch that may outlast 50 ms goes in stretches, as
   * long as no `run` has measured it and `engine.device.rate` says nothing else.
   */
  encode(encoder: HostEncoder, { times = 1 } = {}): void {
    encodeParts(encoder, [this.part(times)]);
  }

  /**
   * Runs `times` over, 1 by default, and waits until the device is done: in one submit, or in several where that would
   * take more than a quarter of a second or so, with the same bits. Wait for it before you write what it reads.
   *
   * @throws InputError the plan, or a tensor that it reads or writes, has been disposed of.
   * @throws RunError an error of the device.
   */
  async run({ times = 1 } = {}): Promise<void> {
    await submit(this.sequence.memory.device, [[this.part(times)]]);
  }

  /** @internal This plan, `times` over, as a part of a longer submit. */
  part(times: number): Part {
    this.sequence.requireAlive();
    requireCount('times', times, 1, 2 ** 32);
    for (const tensor of this.tensors) tensor.requireBindable();
    return { sequence: this.sequence, from: 0, to: times * this.sequence.length };
  }

  /** Frees the plan's own memory and outputs. What it read from or assigned to stays. */
  dispose(): void {
    if (this.sequence.disposed) return;
    this.sequence.dispose();
    for (const tensor of Object.values<Tensor>(this.outputs)) tensor.dispose();
    this.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
