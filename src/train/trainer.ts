/**
 * Training: a model's parameters brought towards a target step by step, all of it on the device. Steps are replays of
 * compiled plans, many to a submit (kernel/pace.ts); between reports nothing is read back.
 */

import type { Tensor } from '../buffer/tensor.js';
import { DivergedError, InputError, isDiverged } from '../errors.js';
import { type DispatchProfile, type Engine, requireEngine } from '../graph/engine.js';
import { requireCount } from '../host/checks.js';
import { CallQueue } from '../host/queue.js';
import { building, type Scope } from '../host/scope.js';
import { totalWork, type Work } from '../kernel/dispatch.js';
import { encodeParts, type HostEncoder } from '../kernel/sequence.js';
import { slabsOf } from '../model/fits.js';
import { networkInput } from '../model/forward.js';
import { initialParameters, type Model } from '../model/model.js';
import { parametersOf } from '../model/parameters.js';
import type {
  Preconditioner,
  PreconditionerState,
  SavedPreconditioner,
  Spectrum,
} from '../precondition/preconditioner.js';
import { slabPlans } from './slabPlans.js';
import { type Losses, runStages, type Stage, type StepPlans } from './stepPlans.js';
import { historyLength, type ParameterState, TrainedParameters } from './trainedParameters.js';
import { settledOptions, type TrainerOptions } from './trainerOptions.js';
import { wholePlans } from './wholePlans.js';

/** Everything that a later run needs to go on exactly. */
export interface TrainerState extends ParameterState {
  /** Of the preconditioner of this name and k: another finds its own anew. */
  readonly preconditioner?: SavedPreconditioner;
}

/** What a step must do at the least, and in how many dispatches. */
export interface StepWork extends Work {
  /** How many there are, those that run as one counted once. */
  readonly dispatches: number;
}

/**
 * Trains a model on a target, step by step on the device; `create` makes it. Calls take their turns: one that comes
 * while another is under way begins when that has ended.
 */
export class Trainer {
  /** The step that a state was restored at. */
  #start = 0;
  #prepared = false;
  readonly #calls: CallQueue;

  private constructor(
    /** What it runs on, which outlives it. */
    readonly engine: Engine,
    /** What it trains, as its options have it. */
    readonly model: Model,
    /** Steps from one refresh of the preconditioner, or else of the optimiser, to the next; absent where there is none. */
    readonly refresh: number | undefined,
    /** The preconditioner's state on the device; undefined of plain gradients. */
    readonly preconditioner: PreconditionerState | undefined,
    private readonly parameters: TrainedParameters,
    private readonly plans: StepPlans,
    private readonly scope: Scope,
    calls: CallQueue,
  ) {
    this.#calls = calls;
  }

  /**
   * Compiles a training and makes what it keeps on the device; a `topK` of 'auto' is settled by a short training first.
   *
   * @throws InputError an option that is unknown or out of range, or a target that does not fit the model.
   */
  static async create(engine: Engine, options: TrainerOptions): Promise<Trainer> {
    requireEngine(engine);
    const settings = settledOptions(options);
    const { model, optimiser } = settings;
    const slabs = slabsOf(model, engine.device, settings.slabBytes);
    const settled = await Trainer.#settle(engine, options);
    return building(async scope => {
      const running = await settled?.start(engine, scope, model);
      const input = scope.keep(await networkInput(engine, model));
      const initial = initialParameters(model, settings.seed);
      const parameters = new TrainedParameters(engine, scope, parametersOf(model), optimiser, initial);
      const calls = new CallQueue('trainer');
      const training = { ...settings, engine, input, preconditioner: running, parameters, calls };
      const whole = scope.keep(
        slabs.length > 1 ? await slabPlans(training, slabs, settings.targetBytes) : await wholePlans(training),
      );
      const plans = settings.batches ? scope.keep(await settings.batches.plans(training, whole)) : whole;
      const { refresh } = running?.refreshed ? (settled as Preconditioner) : optimiser;
      return new Trainer(engine, model, refresh, running, parameters, plans, scope, calls);
    });
  }

  /** The preconditioner with what it chooses by training the same model for some steps, which are let go. */
  static async #settle(
    engine: Engine,
    { evaluations: _, ...options }: TrainerOptions,
  ): Promise<Preconditioner | undefined> {
    const { preconditioner } = options;
    if (!preconditioner?.settle) return preconditioner;
    return preconditioner.settle(options.model, async (candidate, steps) => {
      const trainer = await Trainer.create(engine, { ...options, preconditioner: candidate });
      try {
        await trainer.advance(steps);
        await trainer.plans.refresh.run();
        return (await trainer.spectra()) ?? [];
      } catch (error) {
        if (isDiverged(error)) return undefined;
        throw error;
      } finally {
        trainer.dispose();
      }
    });
  }

  /** Steps made so far. */
  get step(): number {
    return this.parameters.step;
  }

  /** Steps that take a quarter of a second or so, by what the last ones took: 1 before any was made, and at most 1024. */
  get pace(): number {
    return this.parameters.pace;
  }

  /** The parameters on the device, as the last step left them. */
  get parameterTensor(): Tensor {
    return this.parameters.tensor;
  }

  /** What one step takes: `step` without a refresh and `refreshStep` with one, where there are batches of the first. */
  get work(): { readonly step: StepWork; readonly refreshStep: StepWork } {
    const of = (stages: readonly Stage[]): StepWork => {
      const dispatches = stages.flatMap(({ plan }) => plan.dispatches);
      return { dispatches: dispatches.length, ...totalWork(dispatches) };
    };
    return { step: of(this.plans.step[0]), refreshStep: of(this.plans.refreshStep[0]) };
  }

  /** Times every dispatch of a step with a refresh by itself. The parameters are lost: `restore` a state from before. */
  profile(): Promise<DispatchProfile[]> {
    return this.#calls.add(async () => {
      await this.#prepare();
      const profiles: DispatchProfile[] = [];
      for (const { plan } of this.plans.refreshStep[0]) profiles.push(...(await this.engine.profile(plan)));
      return profiles;
    });
  }

  /**
   * Makes `count` steps, in as many submits as it takes for each to last a quarter of a second at the most.
   *
   * @param count from 1 to 1024.
   * @returns the loss at each step, before its update.
   * @throws DivergedError at a loss that is not finite. The parameters are then lost: `restore` a state from before.
   */
  advance(count: number): Promise<Float32Array> {
    return this.#calls.add(async () => {
      requireCount('advance', count, 1, historyLength);
      await this.#prepare();
      return this.parameters.advance(count, () => runStages(this.engine, this.#stagesOf(count)));
    });
  }

  /**
   * Encodes `steps` steps, 1 by default, into a host's compute pass, or into its command encoder as a pass of their
   * own, with the bits of `advance`. They count as made: the host submits them before it calls anything else but
   * `encode`, and at most 1024 at a time. `losses` then tells what became of them.
   *
   * @throws InputError while a call is under way, or where targets are brought to the device slab by slab.
   */
  encode(encoder: HostEncoder, { steps = 1 } = {}): void {
    this.#calls.requireAlive();
    if (!this.#calls.idle) throw new InputError('encode: a call of the trainer is under way: await it first');
    requireCount('encode: steps', steps, 1, historyLength);
    const stages = [...this.#stagesOf(steps)];
    if (stages.some(({ load }) => load)) {
      throw new InputError('encode: targets come slab by slab: raise targetBytes');
    }
    const parts = stages.map(({ plan, times = 1 }) => plan.part(times));
    if (!this.#prepared && this.refresh !== undefined) parts.unshift(this.plans.prepare.part(1));
    this.parameters.schedule(steps);
    encodeParts(encoder, parts);
    this.#prepared = true;
    this.parameters.step += steps;
  }

  /**
   * The losses of the last `count` steps, such as those that a host encoded and submitted.
   *
   * @param count up to 1024, of those made since the trainer was created or a state restored.
   * @throws DivergedError as `advance`.
   */
  losses(count: number): Promise<Float32Array> {
    return this.#calls.add(() => {
      requireCount('losses', count, 1, Math.min(historyLength, this.step - this.#start));
      return this.parameters.losses(count);
    });
  }

  /**
   * The loss of the present parameters against the training's target, `training`, and those of `evaluations`.
   *
   * @throws DivergedError if the first is not finite.
   */
  evaluate(): Promise<Losses<'training'>> {
    return this.#calls.add(async () => {
      const losses = await this.plans.evaluate();
      if (!Number.isFinite(losses.training)) throw new DivergedError(this.step, losses.training);
      return losses;
    });
  }

  /** The model's output with the present parameters, in the order of the target. @throws InputError more than 2^29 numbers: `renderTiles`. */
  render(): Promise<Float32Array> {
    return this.#calls.add(() => this.plans.render());
  }

  /** What the last refresh found, for each kernel of the preconditioner; undefined where it has none. */
  spectra(): Promise<readonly Spectrum[] | undefined> {
    return this.#calls.add(() => this.preconditioner?.spectra?.());
  }

  /** Milliseconds of one refresh of the preconditioner by itself, the forward pass it starts from included. */
  timeRefresh(): Promise<number> {
    return this.#calls.add(async () => {
      if (!this.preconditioner?.refreshed) return 0;
      const start = performance.now();
      await this.plans.refresh.run();
      return performance.now() - start;
    });
  }

  /** All that a later run goes on with exactly, copied to the host: for `restore`, and `writeModel` of `sepnn/node`. */
  state(): Promise<Required<ParameterState> & TrainerState> {
    return this.#calls.add(async () => {
      const { preconditioner } = this;
      return {
        ...(await this.parameters.state()),
        ...(preconditioner && {
          preconditioner: {
            name: preconditioner.name,
            ...(preconditioner.topK && { topK: preconditioner.topK }),
            state: await preconditioner.state(),
          },
        }),
      };
    });
  }

  /** Goes on from a state: at once where no call is under way. @throws InputError one of another model or optimiser. */
  restore(state: TrainerState): Promise<void> {
    return this.#calls.add(() => {
      this.parameters.restore(state);
      const { preconditioner: own } = this;
      const { preconditioner: saved } = state;
      // Eigenvectors of another preconditioner or another k do not fit: they are found anew.
      if (own && own.name === saved?.name && own.restore(saved)) this.#prepared = true;
      this.#start = state.step;
    });
  }

  /** Frees its memory on the device; the engine stays. Harmless a second time. */
  dispose(): void {
    this.#calls.end();
    this.scope.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Finds the eigenvectors from nothing, which takes more iterations than a refresh does later. */
  async #prepare(): Promise<void> {
    if (!this.#prepared && this.refresh !== undefined) await this.plans.prepare.run();
    this.#prepared = true;
  }

  /** The steps from now on, those with a refresh between those without. */
  *#stagesOf(count: number): Generator<Stage, void, void> {
    const { step, refreshStep } = this.plans;
    const { refresh, step: from } = this;
    const end = from + count;
    for (let t = from; t < end; ) {
      if (refresh !== undefined && t % refresh === 0) {
        yield* refreshStep[t % refreshStep.length];
        t++;
        continue;
      }
      const next = Math.min(end, refresh === undefined ? end : (Math.floor(t / refresh) + 1) * refresh);
      const [[first, ...others], ...batches] = step;
      if (others.length + batches.length === 0) yield { ...first, times: next - t };
      else for (let i = t; i < next; i++) yield* step[i % step.length];
      t = next;
    }
  }
}
