/**
 * Entrants that train one model side by side on one device, in turns of some steps, so that a machine's moods hit all
 * alike. A clock runs for each in its own turns only.
 */

import { InputError, isDiverged } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import { building, type Scope, within } from '../../host/scope.js';
import { Trainer } from '../../train/trainer.js';
import type { TrainerOptions } from '../../train/trainerOptions.js';
import { type Entrant, trainingOf } from '../entrants.js';
import type { ImageMeasured } from '../image/task.js';
import type { TrainingTask } from '../trainingRun.js';

export interface NamedEntrant {
  readonly name: string;
  readonly entrant: Entrant;
}

export interface RaceSettings {
  /** Of each that has no other, over which its learning rate takes its course. */
  readonly steps: number;
  /** Of training, after which an entrant makes no further step. */
  readonly seconds?: number;
  /** Steps of a turn, and from one report to the next. */
  readonly reportEvery: number;
  readonly seed: number;
  /** k of SepPGD, for whom has none of its own. */
  readonly topK: 'auto' | number;
  /** That all trainers together may take. */
  readonly mostBytes: number;
  /** Ends the race after the submit under way. */
  readonly signal?: AbortSignal;
}

/** A report: what was measured after so many steps and so long a training. */
export interface RacePoint extends ImageMeasured {
  readonly step: number;
  readonly seconds: number;
}

export interface RaceRun extends NamedEntrant {
  /** Compiling, and where k is chosen the training that chooses it; no part of the curve's seconds. */
  readonly setupSeconds: number;
  /** k of each axis; none for plain gradients. */
  readonly topK: readonly number[];
  readonly gpuBytes: number;
  /** Of a step without a refresh. */
  readonly dispatches: number;
  /** From step 0 on. */
  readonly curve: readonly RacePoint[];
  /** Where the loss was no longer finite: the curve ends before. */
  readonly failedAt?: number;
}

/** Told what happens. */
export interface RaceWatch {
  /** @param step that it has come to. */
  moved(name: string, step: number, measured?: ImageMeasured): void;
  /** All have had their turn: `runs` is then complete up to there. What it throws ends the race. */
  rounded?(): Promise<void>;
}

/** Of an entrant's whole course. */
export const stepsOf = ({ steps: own }: Entrant, { steps }: Pick<RaceSettings, 'steps'>): number => own ?? steps;

type Task = TrainingTask<ImageMeasured>;

/** What entrants' trainers have in common. */
type Common = Pick<TrainerOptions, 'model' | 'target' | 'seed' | 'evaluations'>;

/** One with a refresh, one without, or one of each sub-grid: every pipeline has then run. */
const firstSteps = 2;

export class Race {
  private constructor(
    private readonly racers: readonly Racer[],
    private readonly settings: RaceSettings,
    private readonly scope: Scope,
  ) {}

  /**
   * Makes every trainer ready, with all its pipelines compiled and no step made.
   *
   * @throws InputError trainers that together would take too much memory, before the first is kept.
   */
  static async start(
    engine: Engine,
    task: Task,
    entrants: readonly NamedEntrant[],
    settings: RaceSettings,
  ): Promise<Race> {
    const { seed, mostBytes, signal } = settings;
    const { model, target, evaluations } = task;
    const common: Common = { model, target, seed, ...(evaluations && { evaluations }) };
    const tried: Tried[] = [];
    for (const one of entrants) {
      signal?.throwIfAborted();
      tried.push(await tryOut(engine, common, one, settings));
    }
    const bytes = tried.reduce((sum, { gpuBytes }) => sum + gpuBytes, 0);
    if (bytes > mostBytes) {
      throw new InputError(
        `--runs: ${entrants.length} at once take ${bytes} bytes, and ${mostBytes} are free: name fewer`,
      );
    }
    return building(async scope => {
      const racers: Racer[] = [];
      for (const one of tried) racers.push(scope.keep(await Racer.start(engine, common, one, settings, task)));
      return new Race(racers, settings, scope);
    });
  }

  /** As far as it has come. */
  get runs(): readonly RaceRun[] {
    return this.racers.map(racer => racer.run);
  }

  /** Until every entrant has made its steps or had its time, or the signal says stop. */
  async run(watch: RaceWatch): Promise<void> {
    const { reportEvery, signal } = this.settings;
    for (const racer of this.racers) await racer.report(watch);
    for (let next = reportEvery; !this.racers.every(racer => racer.isDone); next += reportEvery) {
      for (const racer of this.racers) {
        if (signal?.aborted) return;
        await racer.turn(next, watch);
      }
      await watch.rounded?.();
    }
  }

  dispose(): void {
    this.scope.dispose();
  }
}

/** What an entrant turned out to take, once it had run. */
interface Tried extends NamedEntrant {
  readonly topK: readonly number[];
  readonly gpuBytes: number;
  readonly setupSeconds: number;
}

/** Trains for a moment with a trainer that is let go: drivers compile until a plan has run once. */
function tryOut(engine: Engine, common: Common, one: NamedEntrant, settings: RaceSettings): Promise<Tried> {
  const { steps, topK } = settings;
  const [before, start] = [engine.memory.bytes, performance.now()];
  return within(async scope => {
    const trainer = scope.keep(
      await Trainer.create(engine, { ...common, ...trainingOf(one.entrant, steps, { topK }) }),
    );
    const { interleave = 1 } = one.entrant;
    await trainer.advance(Math.max(firstSteps, interleave ** 2)).catch(error => {
      // What diverges at once does so again, in its turn.
      if (!isDiverged(error)) throw error;
    });
    return {
      ...one,
      topK: trainer.preconditioner?.topK ?? [],
      gpuBytes: engine.memory.bytes - before,
      setupSeconds: (performance.now() - start) / 1000,
    };
  });
}

class Racer {
  readonly #curve: RacePoint[] = [];
  #milliseconds = 0;
  #failedAt: number | undefined;

  private constructor(
    private readonly trainer: Trainer,
    private readonly tried: Tried,
    private readonly settings: RaceSettings,
    private readonly measure: Task['measure'],
    private readonly dispatches: number,
  ) {}

  static async start(
    engine: Engine,
    common: Common,
    tried: Tried,
    settings: RaceSettings,
    { measure }: Task,
  ): Promise<Racer> {
    // What was chosen is not chosen again.
    const entrant = tried.topK.length > 0 ? { ...tried.entrant, topK: tried.topK } : tried.entrant;
    const trainer = await Trainer.create(engine, { ...common, ...trainingOf(entrant, settings.steps) });
    return new Racer(trainer, tried, settings, measure, trainer.work.step.dispatches);
  }

  private get steps(): number {
    return stepsOf(this.tried.entrant, this.settings);
  }

  get isDone(): boolean {
    const { seconds = Number.POSITIVE_INFINITY } = this.settings;
    return this.#failedAt !== undefined || this.trainer.step >= this.steps || this.#milliseconds >= 1000 * seconds;
  }

  get run(): RaceRun {
    const { tried, dispatches } = this;
    return {
      ...tried,
      dispatches,
      curve: [...this.#curve],
      ...(this.#failedAt !== undefined && { failedAt: this.#failedAt }),
    };
  }

  /** Steps up to `next` or its last, and a report. */
  async turn(next: number, watch: RaceWatch): Promise<void> {
    const { trainer } = this;
    const to = Math.min(next, this.steps);
    const { signal } = this.settings;
    if (this.isDone) return;
    await this.#orDiverged(async () => {
      while (trainer.step < to && !this.isDone && !signal?.aborted) {
        const start = performance.now();
        await trainer.advance(Math.min(trainer.pace, to - trainer.step));
        this.#milliseconds += performance.now() - start;
        watch.moved(this.tried.name, trainer.step);
      }
    });
    await this.report(watch);
  }

  async report(watch: RaceWatch): Promise<void> {
    const { step } = this.trainer;
    if (this.#failedAt !== undefined || this.#curve.at(-1)?.step === step) return;
    await this.#orDiverged(async () => {
      const measured = await this.measure(this.trainer);
      this.#curve.push({ step, seconds: this.#milliseconds / 1000, ...measured });
      watch.moved(this.tried.name, step, measured);
    });
  }

  async #orDiverged(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isDiverged(error)) throw error;
      this.#failedAt = error.step;
    }
  }

  dispose(): void {
    this.trainer.dispose();
  }
}
