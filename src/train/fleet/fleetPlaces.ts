/** Who trains where: the models of a fleet that are under way, each in a place of its own of all tensors. */

import type { Tensor } from '../../buffer/tensor.js';
import { bitsOf } from '../../host/arrays.js';
import { initialParameters, type Model, toDevice, toHost } from '../../model/model.js';
import {
  type FleetJob,
  type FleetReport,
  type FleetResult,
  masked,
  requireJob,
  type SettledFleet,
} from './fleetOptions.js';
import type { FleetParameters, Standpoint } from './fleetParameters.js';
import type { FleetPlans } from './fleetPlans.js';
import type { JobSource } from './jobSource.js';
import { PlacedTensor, stretchesOf } from './placedTensor.js';

/** A model under way. */
interface Running extends Standpoint {
  readonly job: FleetJob;
  /** Before each of its steps so far. */
  readonly losses: number[];
  /** Steps made. */
  step: number;
  /** The first loss that is not finite. */
  failure?: number;
}

/** What a place is given when a model begins there. */
export interface Beginning {
  readonly placed: PlacedTensor;
  readonly initial: Float32Array;
}

/** What the models of a fleet share on the device. */
export interface FleetOnDevice {
  readonly state: FleetParameters;
  readonly target: Tensor;
  /** (places), u32: those in which a model begins. */
  readonly chosen: Tensor;
  readonly kept: readonly Beginning[];
  /** k of each kernel, and for each axis the most that it may be. */
  readonly k: { readonly tops: Tensor; readonly topK: readonly number[] } | undefined;
}

export class FleetPlaces {
  readonly #running: (Running | undefined)[];
  readonly #parameters: PlacedTensor;
  readonly #before: PlacedTensor;
  readonly #target: PlacedTensor;
  readonly #output: PlacedTensor;

  /** @param model of one job. */
  constructor(
    private readonly model: Model,
    private readonly options: SettledFleet,
    private readonly device: FleetOnDevice,
    private readonly finish: FleetPlans['finish'],
  ) {
    const { state, target } = device;
    const { places, regions } = state.standing;
    this.#running = Array(places).fill(undefined);
    this.#parameters = new PlacedTensor(state.tensor, places, regions);
    this.#before = new PlacedTensor(state.before, places, regions);
    this.#target = new PlacedTensor(target, places);
    this.#output = new PlacedTensor(finish.outputs.output, places);
  }

  /** Whether no model is under way. */
  get areEmpty(): boolean {
    return !this.#running.some(Boolean);
  }

  /** How many have no model. */
  get free(): number {
    return this.#running.filter(one => !one).length;
  }

  /** Steps until the first of the models has made all of its own. */
  get stepsToAnEnd(): number {
    return Math.min(...this.#running.map(one => (one ? one.steps - one.step : Number.POSITIVE_INFINITY)));
  }

  /**
   * Takes jobs for the free places.
   *
   * @param patience milliseconds to wait for one while others run.
   * @returns the places in which they are to begin. @throws InputError a job that is wrong, by its id.
   */
  async admit(source: JobSource, patience: number): Promise<number[]> {
    const fresh: number[] = [];
    for (const [place, taken] of this.#running.entries()) {
      if (taken) continue;
      const job = await source.next(this.areEmpty ? Number.POSITIVE_INFINITY : patience);
      if (!job) break;
      requireJob(this.model, this.device.k?.topK ?? [], job);
      source.requireNew(job.id);
      const { optimiser } = this.options;
      const { steps = this.options.steps, learningRate = optimiser.learningRate, weightDecay } = job;
      this.#running[place] = { job, steps, learningRate, weightDecay, losses: [], step: 0 };
      fresh.push(place);
    }
    return fresh;
  }

  /** Puts what the models of these places begin with on the device. */
  begin(fresh: readonly number[]): void {
    const { state, chosen, kept, k } = this.device;
    for (const [from, to] of stretchesOf(fresh)) {
      const own = this.#running.slice(from, to).map(running => (running as Running).job);
      const initial = own.map(({ seed = 0 }) => initialParameters(this.model, seed));
      this.#parameters.write(from, initial);
      this.#before.write(from, initial);
      this.#target.write(
        from,
        own.map(({ target, mask }) => Float32Array.from(toDevice(this.model, masked(target, mask)))),
      );
      for (const { placed, initial: numbers } of kept) placed.write(from, Array(to - from).fill(numbers));
    }
    state.place(this.#running);
    k?.tops.write(bitsOf(...this.#running.flatMap(running => this.#topKOf(running))));
    chosen.write(bitsOf(...this.#running.map((_, place) => (fresh.includes(place) ? 1 : 0))));
  }

  /** k of each kernel of a place, member by member. */
  #topKOf(running: Running | undefined): readonly number[] {
    const most = this.device.k?.topK ?? [];
    const { topK = most } = running?.job ?? {};
    const own = typeof topK === 'number' ? most.map(() => topK) : topK;
    return Array.from({ length: this.model.members }, () => own).flat();
  }

  /** Brings the learning rates of the next `count` steps to the device, before they are submitted. */
  schedule(count: number): void {
    this.device.state.schedule(this.#running, count);
  }

  /** Takes the losses of the last `count` steps. */
  async collect(count: number): Promise<void> {
    const all = await this.device.state.losses(this.#running, count);
    this.#running.forEach((running, place) => {
      if (!running || running.failure !== undefined) return;
      for (const loss of all[place]) {
        if (!Number.isFinite(loss)) {
          running.failure = loss;
          return;
        }
        running.losses.push(loss);
        running.step++;
      }
    });
  }

  /** Takes the models that have ended out of their places. */
  async takeEnded(withOutputs: boolean): Promise<FleetResult[]> {
    const done = [...this.#running.keys()].filter(place => {
      const running = this.#running[place];
      return running && (running.failure !== undefined || running.step === running.steps);
    });
    if (done.length === 0) return [];
    const { finish } = this;
    await finish.run();
    let losses = await finish.outputs.losses.read();
    const lost = done.filter(
      place => (this.#running[place] as Running).failure === undefined && !Number.isFinite(losses[place]),
    );
    if (lost.length > 0) {
      // The last update led nowhere: back to what was before it, as the device does by itself at every other.
      for (const place of lost) {
        (this.#running[place] as Running).failure = losses[place];
        this.#parameters.write(place, await this.#before.read(place, place + 1));
      }
      await finish.run();
      losses = await finish.outputs.losses.read();
    }
    const results: FleetResult[] = [];
    for (const [from, to] of stretchesOf(done)) {
      const parameters = await this.#parameters.read(from, to);
      const outputs = withOutputs ? await this.#output.read(from, to) : undefined;
      for (let place = from; place < to; place++) {
        const running = this.#running[place] as Running;
        const output = outputs?.[place - from];
        results.push({
          ...resultOf(running, losses[place]),
          parameters: parameters[place - from],
          ...(output && { output: toHost(this.model, output) }),
        });
        this.#running[place] = undefined;
      }
    }
    return results;
  }

  /** How far each model is. */
  report(): FleetReport['running'] {
    return this.#running.flatMap(one => {
      if (!one) return [];
      const { job, step, steps, losses } = one;
      return [{ id: job.id, step, steps, loss: losses.at(-1) ?? Number.NaN }];
    });
  }

  /** Lets all models go. */
  clear(): void {
    this.#running.fill(undefined);
  }
}

/** @param loss of the parameters that it ended with. */
function resultOf({ job, losses, step, failure }: Running, loss: number): Omit<FleetResult, 'parameters' | 'output'> {
  const { id } = job;
  if (failure === undefined) return { id, steps: step, loss, losses: Float32Array.from(losses) };
  return {
    id,
    steps: Math.max(0, step - 1),
    loss: losses.at(-1) ?? failure,
    losses: Float32Array.from(losses),
    failedAt: step,
  };
}
