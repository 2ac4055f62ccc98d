/**
 * Many models of one architecture trained at the same time, each on a target of its own: a batch of places in the same
 * dispatches. A model that has ended leaves its place, and a waiting one begins there as it would alone.
 */

import { sizeOfAll } from '../../buffer/layout.js';
import type { Tensor } from '../../buffer/tensor.js';
import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import type { Plan } from '../../graph/plan.js';
import { bitsOf } from '../../host/arrays.js';
import { requireNumber, requireOptions } from '../../host/checks.js';
import { building, type Scope } from '../../host/scope.js';
import { mostMilliseconds, runsOfSubmit } from '../../kernel/pace.js';
import { networkInput } from '../../model/forward.js';
import { initialParameters, type Model, outputShapes, toDevice, toHost } from '../../model/model.js';
import { eigenpairsOfPlaces } from '../../ops/fleet/eigenpairsOfPlaces.js';
import { modulateOfPlaces } from '../../ops/fleet/modulateOfPlaces.js';
import { adam } from '../../optimiser/adam.js';
import type { LearningRate } from '../../optimiser/optimiser.js';
import { bestBatch, mayBegin, mostPlaces } from './batchSize.js';
import {
  type BatchOptions,
  type FleetJob,
  type FleetJobs,
  type FleetOptions,
  type FleetReport,
  type FleetResult,
  type FleetRunOptions,
  masked,
  requireJob,
  requireRun,
  type SettledFleet,
  settledFleet,
} from './fleetOptions.js';
import { FleetParameters, fleetHistory } from './fleetParameters.js';
import { type FleetPlans, fleetPlans } from './fleetPlans.js';
import { JobSource } from './jobSource.js';
import { PlacedTensor, stretchesOf } from './placedTensor.js';

/** A model under way. */
interface Running {
  readonly job: FleetJob;
  readonly steps: number;
  readonly learningRate: LearningRate;
  readonly weightDecay: number | undefined;
  /** Before each of its steps so far. */
  readonly losses: number[];
  /** Steps made. */
  step: number;
  /** The first loss that is not finite. */
  failure?: number;
}

/** Waited for a job while others run, as a share of a submit: whoever is slow costs no more. */
const patienceShare = 0.25;

/** Of device memory for a fleet whose batch is to be found. */
const usualBytes = 2 ** 30;
/** How long steps run at the least to be timed. */
const timedMilliseconds = 20;
const knownForBatch = { optimiser: true, preconditioner: true, objective: true, bytes: true } as const;

/** What a place is given when a model begins there. */
interface Beginning {
  readonly placed: PlacedTensor;
  readonly initial: Float32Array;
}

export class FleetTrainer {
  readonly #places: (Running | undefined)[];
  readonly #parameters: PlacedTensor;
  readonly #before: PlacedTensor;
  readonly #target: PlacedTensor;
  readonly #output: PlacedTensor;
  #busy = false;
  #disposed = false;
  /** Steps that make about one submit. */
  #pace = 1;
  #tookLast: number = mostMilliseconds.submit;

  private constructor(
    readonly engine: Engine,
    /** Of one job. */
    readonly model: Model,
    private readonly options: SettledFleet,
    /** Steps from one refresh to the next; models begin at these alone, so that all have theirs together. */
    private readonly refresh: number | undefined,
    private readonly state: FleetParameters,
    private readonly plans: FleetPlans,
    target: Tensor,
    private readonly chosen: Tensor,
    private readonly kept: readonly Beginning[],
    /** k of each kernel on the device, and for each axis the most that it may be. */
    private readonly k: { readonly tops: Tensor; readonly topK: readonly number[] } | undefined,
    private readonly scope: Scope,
  ) {
    const { places, regions } = state.standing;
    this.#places = Array(places).fill(undefined);
    this.#parameters = new PlacedTensor(state.tensor, places, regions);
    this.#before = new PlacedTensor(state.before, places, regions);
    this.#target = new PlacedTensor(target, places);
    this.#output = new PlacedTensor(plans.finish.outputs.output, places);
  }

  /** @throws InputError an option that is unknown, out of range or that no fleet can have. */
  static async create(engine: Engine, options: FleetOptions): Promise<FleetTrainer> {
    const settled = settledFleet(options, engine.device);
    const { model, batch, optimiser, preconditioner, loss } = settled;
    const all: Model = { ...model, members: batch * model.members };
    return building(async scope => {
      // A k of each kernel, as many as the preconditioner has found eigenpairs of.
      let tops: Tensor | undefined;
      const running = await preconditioner?.start(engine, scope, all, {
        leadingEigenpairs: eigenpairsOfPlaces,
        modulate(values, vectors, attributes) {
          tops ??= scope.keep(engine.tensor([values.layout.parts.length]));
          return modulateOfPlaces(values, vectors, attributes, values.graph.read(tops));
        },
      });
      const input = scope.keep(await networkInput(engine, all));
      const target = scope.keep(engine.packed(outputShapes(all)));
      const parameters = new FleetParameters(engine, scope, model, all, optimiser);
      const chosen = scope.keep(engine.tensor([batch]));
      const training = { engine, model: all, input, target, loss, preconditioner: running, parameters, chosen };
      const plans = await fleetPlans(training);
      for (const plan of [plans.step, plans.refreshStep, plans.prepare, plans.finish]) scope.keep(plan);
      const kept: Beginning[] = [];
      const ofPreconditioner = plans.kept.map(tensor => [tensor, undefined] as const);
      for (const [tensor, regions] of [...parameters.kept, ...ofPreconditioner]) {
        const placed = new PlacedTensor(tensor, batch, regions);
        kept.push({ placed, initial: (await placed.read(0, 1))[0] });
      }
      const { refresh } = running?.refreshed && preconditioner ? preconditioner : optimiser;
      const k = tops && running?.topK ? { tops, topK: running.topK } : undefined;
      return new FleetTrainer(engine, model, settled, refresh, parameters, plans, target, chosen, kept, k, scope);
    });
  }

  /**
   * A batch that suits a device: what it binds and what fits into memory, and no more than makes a model's step cheaper. It is
   * measured, on fleets of 1, 4, 16 and so on: a few seconds on a processor.
   *
   * @throws InputError as `create`, and a model of which one alone does not fit.
   */
  static async batchFor(engine: Engine, model: Model, options: BatchOptions = {}): Promise<number> {
    requireOptions('batchFor', options, knownForBatch);
    const { bytes = usualBytes, optimiser = adam({ learningRate: 1e-4 }), ...more } = options;
    requireNumber('bytes', bytes, { above: 0 });
    const settled = { model, optimiser, ...more, batch: 1, steps: 1 };
    settledFleet(settled, engine.device);
    let most = mostPlaces(model, engine.device, more.preconditioner !== undefined);
    const timeOf = async (batch: number) => {
      const before = engine.memory.bytes;
      const fleet = await FleetTrainer.create(engine, { ...settled, batch });
      try {
        most = Math.min(most, Math.floor((batch * bytes) / (engine.memory.bytes - before)));
        return await fleet.#timeStep();
      } finally {
        fleet.dispose();
      }
    };
    return bestBatch(() => most, timeOf);
  }

  /** Milliseconds of a step of all places, its share of a refresh in it. */
  async #timeStep(): Promise<number> {
    const target = new Float32Array(sizeOfAll(outputShapes(this.model)));
    const jobs = this.#places.map((_, place) => ({ id: `${place}`, target, seed: place }));
    for await (const _ of this.train(jobs, { outputs: false })); // so that the parameters are none by which work is saved
    const time = async (plan: Plan, times: number): Promise<number> => {
      const start = performance.now();
      await this.engine.run([[plan, times]]);
      const took = performance.now() - start;
      return took < timedMilliseconds && times < fleetHistory ? time(plan, 2 * times) : took / times;
    };
    const step = await time(this.plans.step, 1);
    const share = this.refresh === undefined ? 0 : 1 / this.refresh;
    return share === 0 ? step : (1 - share) * step + share * (await time(this.plans.refreshStep, 1));
  }

  /** Models that are trained at the same time. */
  get batch(): number {
    return this.options.batch;
  }

  /**
   * Trains a model for every job, and gives each result when it has ended, in that order. Jobs are pulled as places get
   * free; a source that has none at the moment stops nobody who runs.
   *
   * @throws InputError a job that is wrong, by its id: what runs is let go. What the device raises.
   */
  async *train(jobs: FleetJobs, options: FleetRunOptions = {}): AsyncGenerator<FleetResult, void, void> {
    requireRun({ jobs, options });
    this.#requireAlive();
    if (this.#busy) throw new InputError('train: a run of this fleet is under way: end it first, or create another');
    this.#busy = true;
    const { signal, onReport, outputs = true } = options;
    const source = new JobSource(jobs, signal);
    const places = this.#places;
    const cycle = this.refresh ?? 1;
    let step = 0; // of all places together, since the last time that none ran
    let [ended, failed] = [0, 0];
    let results: FleetResult[] = [];
    let submit: Promise<void> | undefined;
    try {
      while (!signal?.aborted) {
        if (!places.some(Boolean)) {
          step = 0;
          while (results.length > 0) yield results.shift() as FleetResult;
        }
        let isFresh = false;
        const free = places.filter(one => !one).length;
        if (step % cycle === 0 && mayBegin(free, this.batch, this.refresh !== undefined)) {
          try {
            isFresh = await this.#admit(source);
          } catch (error) {
            yield* results;
            throw error;
          }
        }
        if (!places.some(Boolean)) break;
        const count = this.#submitLength(step, cycle);
        const start = performance.now();
        submit = this.#submit(step, count, isFresh);
        submit.catch(() => {}); // it is waited for below, unless whoever takes the results wants no more
        while (results.length > 0) yield results.shift() as FleetResult;
        await submit;
        this.#tookLast = performance.now() - start;
        this.#pace = runsOfSubmit(count, this.#tookLast);
        step += count;
        await this.#collect(count);
        if (step % cycle === 0) results = await this.#finish(outputs);
        ended += results.length;
        failed += results.filter(({ failedAt }) => failedAt !== undefined).length;
        onReport?.(this.#report(ended, failed));
      }
      yield* results;
    } catch (error) {
      this.#requireAlive(); // that it was disposed of meanwhile is the cause
      throw error;
    } finally {
      await submit?.catch(() => {});
      source.close();
      places.fill(undefined);
      this.#busy = false;
    }
  }

  dispose(): void {
    this.#disposed = true;
    this.scope.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #requireAlive(): void {
    if (this.#disposed) throw new InputError('the fleet has been disposed of: create another');
  }

  /** Lets models begin in the free places. @returns whether any did. */
  async #admit(source: JobSource): Promise<boolean> {
    const fresh: number[] = [];
    for (const [place, taken] of this.#places.entries()) {
      if (taken) continue;
      const none = !this.#places.some(Boolean);
      const job = await source.next(none ? Number.POSITIVE_INFINITY : patienceShare * this.#tookLast);
      if (!job) break;
      requireJob(this.model, this.k?.topK ?? [], job);
      const { optimiser } = this.options;
      const { steps = this.options.steps, learningRate = optimiser.learningRate, weightDecay } = job;
      this.#places[place] = { job, steps, learningRate, weightDecay, losses: [], step: 0 };
      fresh.push(place);
    }
    this.#requireAlive();
    if (fresh.length === 0) return false;
    for (const [from, to] of stretchesOf(fresh)) {
      const own = this.#places.slice(from, to).map(running => (running as Running).job);
      const initial = own.map(({ seed = 0 }) => initialParameters(this.model, seed));
      this.#parameters.write(from, initial);
      this.#before.write(from, initial);
      this.#target.write(
        from,
        own.map(({ target, mask }) => Float32Array.from(toDevice(this.model, masked(target, mask)))),
      );
      for (const { placed, initial: numbers } of this.kept) placed.write(from, Array(to - from).fill(numbers));
    }
    this.state.place(this.#places);
    this.k?.tops.write(bitsOf(...this.#places.flatMap(running => this.#topKOf(running))));
    this.chosen.write(bitsOf(...this.#places.map((_, place) => (fresh.includes(place) ? 1 : 0))));
    return true;
  }

  /** k of each kernel of a place, member by member. */
  #topKOf(running: Running | undefined): readonly number[] {
    const most = this.k?.topK ?? [];
    const { topK = most } = running?.job ?? {};
    const own = typeof topK === 'number' ? most.map(() => topK) : topK;
    return Array.from({ length: this.model.members }, () => own).flat();
  }

  /** Steps up to where the first model ends, but no more than make a submit; models begin and end at refreshes alone. */
  #submitLength(step: number, cycle: number): number {
    const left = this.#places.map(one => (one ? one.steps - one.step : Number.POSITIVE_INFINITY));
    const first = Math.min(...left);
    const toCycle = (count: number, round: (x: number) => number) => round((step + count) / cycle) * cycle - step;
    const most = Math.min(this.#pace, fleetHistory);
    const wanted = toCycle(first, Math.ceil);
    if (wanted <= most) return wanted;
    const rounded = toCycle(most, Math.floor);
    return rounded > 0 ? rounded : most;
  }

  /** The next steps of all places, after what those that begin need. */
  async #submit(step: number, count: number, isFresh: boolean): Promise<void> {
    const { plans, refresh } = this;
    this.state.schedule(this.#places, count);
    const parts: [Plan, number][] = isFresh && refresh !== undefined ? [[plans.prepare, 1]] : [];
    for (let t = step; t < step + count; ) {
      const refreshing = refresh !== undefined && t % refresh === 0;
      const next = refresh === undefined ? step + count : (Math.floor(t / refresh) + 1) * refresh;
      const times = refreshing ? 1 : Math.min(next, step + count) - t;
      parts.push([refreshing ? plans.refreshStep : plans.step, times]);
      t += times;
    }
    await this.engine.run(parts);
  }

  /** The losses of a submit. */
  async #collect(count: number): Promise<void> {
    const all = await this.state.losses(this.#places, count);
    this.#places.forEach((running, place) => {
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
  async #finish(withOutputs: boolean): Promise<FleetResult[]> {
    const done = [...this.#places.keys()].filter(place => {
      const running = this.#places[place];
      return running && (running.failure !== undefined || running.step === running.steps);
    });
    if (done.length === 0) return [];
    const { finish } = this.plans;
    await finish.run();
    let losses = await finish.outputs.losses.read();
    const lost = done.filter(
      place => (this.#places[place] as Running).failure === undefined && !Number.isFinite(losses[place]),
    );
    if (lost.length > 0) {
      // The last update led nowhere: back to what was before it, as the device does by itself at every other.
      for (const place of lost) {
        (this.#places[place] as Running).failure = losses[place];
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
        const running = this.#places[place] as Running;
        const output = outputs?.[place - from];
        results.push({
          ...resultOf(running, losses[place]),
          parameters: parameters[place - from],
          ...(output && { output: toHost(this.model, output) }),
        });
        this.#places[place] = undefined;
      }
    }
    return results;
  }

  #report(ended: number, failed: number): FleetReport {
    const running = this.#places.flatMap(one => {
      if (!one) return [];
      const { job, step, steps, losses } = one;
      return [{ id: job.id, step, steps, loss: losses.at(-1) ?? Number.NaN }];
    });
    return { running, ended, failed };
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
