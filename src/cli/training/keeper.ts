/**
 * The model files of a run in its folder: the last state as `model.safetensors`, written whole now and then; the best as
 * `model.best.safetensors` where the last is far from it; and what was there before, where that is better, as
 * `model.previous.safetensors`.
 */

import { copyFile, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RunError } from '../../errors.js';
import type { FinishedRun, Measured } from '../../experiments/trainingRun.js';
import { partOf } from '../../io/files.js';
import { readModel, type SavedModel, writeModel } from '../../io/model/modelFile.js';
import { describeModel } from '../../model/codec.js';
import type { Model } from '../../model/model.js';
import type { Best } from '../../train/runTraining.js';
import type { TrainerState } from '../../train/trainer.js';
import { Rescue } from '../rescue.js';
import { warn } from '../terminal.js';
import type { TrainingOptions } from './options.js';
import { comparableLoss, differencesOf, lossKey, type TrainingRecord } from './record.js';

/** A run that ends with more than so many times its least loss has blown up on the way. */
const blowUp = 4;

/** A model file of the same target, and the loss of its state. */
interface Rival {
  readonly path: string;
  readonly loss: number;
}

/** The model files that a run leaves. */
export interface KeptFiles {
  readonly model: string;
  /** Of the least loss, where the last is far above it; of a run that a signal ended, the best by its validation. */
  readonly best?: string;
  /** What was there before, where its loss is below the last. */
  readonly previous?: string;
}

export class ModelKeeper {
  readonly model: string;
  readonly #best: string;
  readonly #previous: string;
  #kept: Best | undefined;
  #keptBest: Best | undefined;
  #bestWritten: TrainerState | undefined;
  #madeRoom = false;
  readonly #rescue = new Rescue('model');

  /**
   * @param resumed the file that the run goes on from: one of the folder's own is not what was there before.
   */
  constructor(
    folder: string,
    readonly describes: Model,
    readonly record: TrainingRecord,
    readonly resumed: string | undefined,
  ) {
    this.model = join(folder, 'model.safetensors');
    this.#best = join(folder, 'model.best.safetensors');
    this.#previous = join(folder, 'model.previous.safetensors');
  }

  /** What this run saved last, wherever that was: where its device is lost, it goes on from there. */
  get kept(): Best | undefined {
    return this.#kept;
  }

  /** The best of the steps up to there. */
  get keptBest(): Best | undefined {
    return this.#keptBest;
  }

  get whereabouts(): string {
    return `the model of step ${this.#kept?.state.step} is in ${this.path}`;
  }

  /** Of the file that has it. */
  get path(): string {
    return this.#rescue.path ?? this.model;
  }

  /** Whether it lies elsewhere than it should. */
  get isRescued(): boolean {
    return this.#rescue.path !== undefined;
  }

  /** Another run begins, which goes on from nothing of the one before. */
  begin(): void {
    this.#kept = undefined;
    this.#keptBest = undefined;
  }

  /**
   * The best beside a model file that a run goes on from: of one that was killed as it saved, of a step yet to come. One that
   * another training left there, which was killed before it wrote its last, is none.
   */
  static async bestBeside(
    options: TrainingOptions,
    { model, state: { step } }: SavedModel,
    record: TrainingRecord,
  ): Promise<Best | undefined> {
    const { resume: path = '', resumeAnyway } = options;
    const beside = path.replace(/\.safetensors$/, '.best.safetensors');
    const saved = beside === path ? undefined : await readModel(beside).catch(() => undefined);
    const loss = saved && comparableLoss(saved.training, record);
    if (!saved || loss === undefined) return undefined;
    const [itsModel, own] = [saved.model, model].map(one => JSON.stringify(describeModel(one)));
    if (itsModel !== own || differencesOf(options, saved.training).length > 0) return undefined;
    // Another training does not come by there.
    return resumeAnyway && saved.state.step > step ? undefined : { state: saved.state, loss };
  }

  /**
   * Writes the best where it is another, and the last state: killed in between, a run finds its best again. A file that cannot be written does not end the training:
   * the state then lies in the system's folder for temporary files.
   */
  async save(state: TrainerState, loss: number, best: Best | undefined): Promise<void> {
    this.#kept = { state, loss };
    this.#keptBest = best;
    try {
      const other = best?.state === state ? undefined : best;
      if (other) await this.#writeBest(other);
      await this.#write(state, loss);
      if (!other) await this.#writeBest(undefined);
    } catch (error) {
      const isNew = !this.isRescued;
      const where = await this.#writeRescue(state, loss);
      if (isNew) warn(`${(error as Error).message}: ${where}, and training goes on`);
    }
  }

  /**
   * Writes what a run ended with, keeps what is better than that, and says so.
   *
   * @throws RunError where the model cannot be written: why, and where it is.
   */
  async finish<M extends Measured>(run: FinishedRun<M>): Promise<KeptFiles> {
    const { state, reached: loss, best, stopped, validated } = run;
    const goesBeside = loss > blowUp * best.loss || (validated && stopped && best.state !== state);
    try {
      if (this.#kept?.state !== state || this.isRescued) await this.#write(state, loss);
      await this.#writeBest(goesBeside ? best : undefined);
    } catch (error) {
      this.#kept = { state, loss };
      throw new RunError(`${(error as Error).message}: ${await this.#writeRescue(state, loss)}`);
    }
    this.#kept = { state, loss };
    const previous = await this.#judgePrevious(loss);
    return { model: this.model, ...(goesBeside && { best: this.#best }), ...(previous && { previous }) };
  }

  async #write(state: TrainerState, loss: number): Promise<void> {
    await this.#makeRoom();
    await this.#writeTo(this.model, state, loss);
    await this.#rescue.drop();
  }

  async #writeBest(best: Best | undefined): Promise<void> {
    await this.#makeRoom();
    if (best && best.state !== this.#bestWritten) await this.#writeTo(this.#best, best.state, best.loss);
    // One of a run that this one goes on from, or of this run's own.
    else if (!best && (this.#bestWritten || (await this.#isOwn(this.#best)))) await rm(this.#best, { force: true });
    this.#bestWritten = best?.state;
  }

  /** @returns where it is. */
  #writeRescue(state: TrainerState, loss: number): Promise<string> {
    return this.#rescue.keep(state.step, path => this.#writeTo(path, state, loss));
  }

  #writeTo(path: string, state: TrainerState, loss: number): Promise<void> {
    const training = { ...this.record, [lossKey]: loss };
    return writeModel(path, { model: this.describes, state, training });
  }

  /** Before the first write: the best of what was there, if it is of the same target, is set aside. */
  async #makeRoom(): Promise<void> {
    if (this.#madeRoom) return;
    this.#madeRoom = true;
    if (await this.#isOwn(this.model)) return;
    const there = await Promise.all([this.model, this.#best, this.#previous].map(path => rivalAt(path, this.record)));
    const rivals = there.filter(rival => rival !== undefined);
    if (rivals.length === 0) return;
    const { path } = rivals.reduce((best, one) => (one.loss < best.loss ? one : best));
    if (path === this.model) {
      // There is a model in the folder at every moment.
      const beside = partOf(this.#previous);
      await copyFile(path, beside);
      await rename(beside, this.#previous);
    } else if (path === this.#best) await rename(path, this.#previous);
    if (rivals.some(rival => rival.path === this.#best)) await rm(this.#best, { force: true });
  }

  /** What was there before, if it is better than what the run ended with; else it is taken away. */
  async #judgePrevious(loss: number): Promise<string | undefined> {
    const previous = await rivalAt(this.#previous, this.record);
    if (!previous) return undefined;
    if (previous.loss >= loss) {
      await rm(this.#previous, { force: true });
      return undefined;
    }
    warn(
      `the model that was in this folder has a lower loss, ${previous.loss.toPrecision(4)} to ${loss.toPrecision(4)}: it is kept as ${this.#previous}`,
    );
    return this.#previous;
  }

  /** Whether a file of the folder is the one that the run goes on from, or the best beside that. */
  async #isOwn(path: string): Promise<boolean> {
    if (this.resumed === undefined) return false;
    const of = (name: string) => realpath(name).catch(() => name);
    const [model, resumed] = [await of(this.model), await of(this.resumed)];
    return model === resumed && (path === this.model || path === this.#best);
  }
}

/** A file that may be better than what a run writes; undefined where there is none, or it cannot be compared. */
async function rivalAt(path: string, record: TrainingRecord): Promise<Rival | undefined> {
  const saved = await readModel(path).catch(() => undefined);
  const loss = saved && comparableLoss(saved.training, record);
  return loss === undefined ? undefined : { path, loss };
}
