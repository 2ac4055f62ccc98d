/** Parameters on the device with all that brings them on: an optimiser's state, a step counter, losses, learning rates. */

import { requireNumbersOf } from '../buffer/layout.js';
import type { StateArrays } from '../buffer/namedTensors.js';
import type { Tensor } from '../buffer/tensor.js';
import { DivergedError, InputError } from '../errors.js';
import { assignAll, readAll } from '../graph/apply.js';
import type { Engine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/operation.js';
import { bitsOf, countsIn } from '../host/arrays.js';
import { requireCount } from '../host/checks.js';
import type { Scope } from '../host/scope.js';
import { runsOfSubmit } from '../kernel/pace.js';
import type { Parameter } from '../model/parameters.js';
import { type Recorded, record } from '../ops/optimiser/record.js';
import { learningRateAt, type Optimiser, type OptimiserState } from '../optimiser/optimiser.js';

/** Losses and learning rates kept on the device: the most steps of one `advance`. */
export const historyLength = 1024;
/** Steps are counted on the device in 32 bits. */
export const mostSteps = 2 ** 32 - 1;

/** Parameters after some steps on the host, with what their optimiser keeps. */
export interface ParameterState {
  /** Steps made. */
  readonly step: number;
  /** All that is trained, row-major, in the order of `modelParameterShapes`, or of a problem's networks. */
  readonly parameters: Float32Array;
  /** What the optimiser of this `name` keeps, numbers by name in `state`; where it is left out, that starts anew. */
  readonly optimiser?: {
    readonly name: string;
    /** The step at which it started, 0 by default: its bias corrections count from there. */
    readonly since?: number;
    readonly state: StateArrays;
  };
}

export class TrainedParameters {
  readonly tensor: Tensor;
  readonly #state: OptimiserState;
  readonly #recorded: Readonly<Record<keyof Recorded, Tensor>>;
  readonly #schedule: Tensor;
  /** Those brought there stay: steps that a host has encoded may not be submitted yet. */
  readonly #rates = new Float32Array(historyLength);
  /** The step at which the optimiser started: the device counts from there. */
  #since = 0;
  /** Steps made so far. */
  step = 0;
  /** Steps that take a quarter of a second or so, by what the last ones took: 1 before any was made, and at most 1024. */
  pace = 1;

  /**
   * @param scope that disposes of what is made here.
   * @param initial the parameters' numbers, 0 by default.
   */
  constructor(
    engine: Engine,
    scope: Scope,
    parameters: readonly Parameter[],
    readonly optimiser: Optimiser,
    initial?: Float32Array,
  ) {
    this.tensor = scope.keep(
      engine.stack(
        parameters.map(({ shape }) => shape),
        initial,
      ),
    );
    this.#state = optimiser.start(engine, scope, parameters);
    const numbers = (count: number) => scope.keep(engine.tensor([count]));
    this.#recorded = { step: numbers(1), history: numbers(historyLength), learningRate: numbers(1) };
    this.#schedule = numbers(historyLength);
  }

  /** Adds one step of the optimiser to a graph, one that refreshes what it keeps or not, and keeps the loss from before it. */
  update(graph: Graph, loss: Value, gradient: Value, refreshing: boolean): void {
    const recorded = record(loss, readAll(graph, this.#recorded), graph.read(this.#schedule));
    const { step, learningRate } = recorded;
    const parameters = graph.read(this.tensor);
    const next = this.#state?.update(graph, { parameters, gradient, step, learningRate, refreshing });
    if (!next) {
      throw new InputError(`optimiser ${this.optimiser.name}: start or update gave nothing: return what they must`);
    }
    graph.assign(this.tensor, next);
    assignAll(graph, this.#recorded, recorded);
  }

  /**
   * Makes `count` steps.
   *
   * @param run what submits them, and waits for them.
   * @returns the loss at each step, before its update.
   * @throws DivergedError at a loss that is not finite. The parameters are then lost. What `run` throws: the steps that
   * the device has made until then count.
   */
  async advance(count: number, run: () => Promise<unknown>): Promise<Float32Array> {
    const start = performance.now();
    this.schedule(count);
    await run().catch(async error => {
      try {
        this.step = this.#since + countsIn(await this.#recorded.step.read())[0];
      } catch {
        // What failed first says more.
      }
      throw error;
    });
    this.step += count;
    const losses = await this.losses(count);
    this.pace = Math.min(historyLength, runsOfSubmit(count, performance.now() - start));
    return losses;
  }

  /**
   * Brings the learning rates of the next `count` steps to the device, before they are submitted.
   *
   * @throws InputError a learning rate that a function of the step gives, and that is none.
   */
  schedule(count: number): void {
    for (let t = this.step; t < this.step + count; t++) {
      this.#rates[this.#placeOf(t)] = learningRateAt(this.optimiser.learningRate, t);
    }
    this.#schedule.write(this.#rates);
  }

  /**
   * The losses of the last `count` steps.
   *
   * @throws DivergedError at one that is not finite.
   */
  async losses(count: number): Promise<Float32Array> {
    const step = this.step - count;
    const history = await this.#recorded.history.read();
    const losses = Float32Array.from({ length: count }, (_, i) => history[this.#placeOf(step + i)]);
    const bad = losses.findIndex(loss => !Number.isFinite(loss));
    if (bad >= 0) throw new DivergedError(step + bad, losses[bad]);
    return losses;
  }

  async state(): Promise<Required<ParameterState>> {
    return {
      step: this.step,
      parameters: await this.tensor.read(),
      optimiser: { name: this.optimiser.name, since: this.#since, state: await this.#state.state() },
    };
  }

  /** Goes on from a state. @throws InputError one of other parameters or of another optimiser; nothing is changed then. */
  restore({ step, parameters, optimiser }: ParameterState): void {
    if (optimiser && optimiser.name !== this.optimiser.name) {
      throw new InputError(
        `restore: the state is of ${optimiser.name}, and this one is ${this.optimiser.name}: leave its optimiser out`,
      );
    }
    requireCount('restore: step', step, 0, mostSteps);
    const since = optimiser ? (optimiser.since ?? 0) : step;
    requireCount('restore: since', since, 0, step);
    requireNumbersOf(this.tensor.layout, parameters);
    if (optimiser) this.#state.restore(optimiser.state);
    else this.#state.reset();
    this.tensor.write(parameters);
    this.#recorded.step.write(bitsOf(step - since));
    this.#since = since;
    this.step = step;
  }

  /** Where the loss and the learning rate of a step stand on the device. */
  #placeOf(step: number): number {
    return (step - this.#since) % historyLength;
  }
}
