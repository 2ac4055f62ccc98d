/**
 * Many models of one architecture trained at the same time, each on a target of its own: a batch of places in the same
 * dispatches. A model that has ended leaves its place, and a waiting one begins there as it would alone.
 */

import { sizeOfAll } from '../../buffer/layout.js';
import type { Tensor } from '../../buffer/tensor.js';
import { InputError } from '../../errors.js';
import { type Engine, requireEngine } from '../../graph/engine.js';
import type { Plan } from '../../graph/plan.js';
import { requireNumber, requireOptions } from '../../host/checks.js';
import { building, type Scope } from '../../host/scope.js';
import { runsOfSubmit, submitMilliseconds } from '../../kernel/pace.js';
import { networkInput } from '../../model/forward.js';
import { type Model, outputShapes } from '../../model/model.js';
import { eigenpairsOfPlaces } from '../../ops/fleet/eigenpairsOfPlaces.js';
import { modulateOfPlaces } from '../../ops/fleet/modulateOfPlaces.js';
import { adam } from '../../optimiser/adam.js';
import { bestBatch, mayBegin, mostPlaces } from './batchSize.js';
import {
  type BatchOptions,
  type FleetJobs,
  type FleetOptions,
  type FleetResult,
  type FleetRunOptions,
  requireRun,
  type SettledFleet,
  settledFleet,
} from './fleetOptions.js';
import { FleetParameters, fleetHistory } from './fleetParameters.js';
import { type Beginning, FleetPlaces } from './fleetPlaces.js';
import { type FleetPlans, fleetPlans } from './fleetPlans.js';
import { JobSource } from './jobSource.js';
import { PlacedTensor } from './placedTensor.js';

/** Waited for a job while others run, as a share of a submit: whoever is slow costs no more. */
const patienceShare = 0.25;

/** Of device memory for a fleet whose batch is to be found. */
const usualBytes = 2 ** 30;
/** How long steps run at the least to be timed. */
const timedMilliseconds = 20;
const knownForBatch = { optimiser: true, preconditioner: true, objective: true, bytes: true } as const;

/** Trains many models of one architecture at the same time, each on a target of its own; `create` makes it. */
export class FleetTrainer {
  #busy = false;
  #disposed = false;
  #source: JobSource | undefined;
  /** Steps that make about one submit. */
  #pace = 1;
  #tookLast: number = submitMilliseconds;

  private constructor(
    /** What it runs on, which outlives it. */
    readonly engine: Engine,
    /** Of one job. */
    readonly model: Model,
    private readonly options: SettledFleet,
    /** Steps from one refresh to the next; models begin at these alone, so that all have theirs together. */
    private readonly refresh: number | undefined,
    private readonly places: FleetPlaces,
    private readonly plans: FleetPlans,
    private readonly scope: Scope,
  ) {}

  /**
   * Compiles the steps of a fleet and makes its places.
   *
   * @throws InputError an option that is unknown, out of range or that no fleet can have.
   */
  static async create(engine: Engine, options: FleetOptions): Promise<FleetTrainer> {
    requireEngine(engine);
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
      const places = new FleetPlaces(model, settled, { state: parameters, target, chosen, kept, k }, plans.finish);
      return new FleetTrainer(engine, model, settled, refresh, places, plans, scope);
    });
  }

  /**
   * A batch that suits a device: what it binds and what fits into memory, and no more than makes a model's step cheaper. It is
   * measured, on fleets of 1, 4, 16 and so on: a few seconds on a processor.
   *
   * @throws InputError as `create`, and a model of which one alone does not fit.
   */
  static async batchFor(engine: Engine, model: Model, options: BatchOptions = {}): Promise<number> {
    requireEngine(engine);
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
    const jobs = Array.from({ length: this.batch }, (_, place) => ({ id: `${place}`, target, seed: place }));
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
    this.#source = source;
    const { places } = this;
    const cycle = this.refresh ?? 1;
    let step = 0; // of all places together, since the last time that none ran
    let [ended, failed] = [0, 0];
    let results: FleetResult[] = [];
    let submit: Promise<void> | undefined;
    try {
      while (!signal?.aborted) {
        if (places.areEmpty) {
          step = 0;
          while (results.length > 0) yield results.shift() as FleetResult;
        }
        let isFresh = false;
        if (step % cycle === 0 && mayBegin(places.free, this.batch, this.refresh !== undefined)) {
          try {
            const fresh = await places.admit(source, patienceShare * this.#tookLast);
            this.#requireAlive();
            isFresh = fresh.length > 0;
            if (isFresh) places.begin(fresh);
          } catch (error) {
            yield* results;
            throw error;
          }
        }
        if (places.areEmpty) break;
        const count = this.#submitLength(step, cycle);
        const start = performance.now();
        submit = this.#submit(step, count, isFresh);
        submit.catch(() => {}); // it is waited for below, unless whoever takes the results wants no more
        while (results.length > 0) yield results.shift() as FleetResult;
        await submit;
        this.#tookLast = performance.now() - start;
        this.#pace = runsOfSubmit(count, this.#tookLast);
        step += count;
        await places.collect(count);
        if (step % cycle === 0) results = await places.takeEnded(outputs);
        ended += results.length;
        failed += results.filter(({ failedAt }) => failedAt !== undefined).length;
        onReport?.({ running: places.report(), ended, failed });
      }
      yield* results;
    } catch (error) {
      this.#requireAlive(); // that it was disposed of meanwhile is the cause
      throw error;
    } finally {
      await submit?.catch(() => {});
      source.close();
      places.clear();
      this.#busy = false;
    }
  }

  /** Frees its memory on the device, and ends a run that is under way; the engine stays. Harmless a second time. */
  dispose(): void {
    this.#disposed = true;
    this.#source?.close();
    this.scope.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #requireAlive(): void {
    if (this.#disposed) throw new InputError('the fleet has been disposed of: create another');
  }

  /** Steps up to where the first model ends, but no more than make a submit; models begin and end at refreshes alone. */
  #submitLength(step: number, cycle: number): number {
    const toCycle = (count: number, round: (x: number) => number) => round((step + count) / cycle) * cycle - step;
    const most = Math.min(this.#pace, fleetHistory);
    const wanted = toCycle(this.places.stepsToAnEnd, Math.ceil);
    if (wanted <= most) return wanted;
    const rounded = toCycle(most, Math.floor);
    return rounded > 0 ? rounded : most;
  }

  /** The next steps of all places, after what those that begin need. */
  async #submit(step: number, count: number, isFresh: boolean): Promise<void> {
    const { plans, refresh } = this;
    this.places.schedule(count);
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
}
