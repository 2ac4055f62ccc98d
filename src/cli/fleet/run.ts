/** Images from a source through fleets, each to its model file. */

import { sizeOfAll } from '../../buffer/layout.js';
import { isDeviceLost, isInputError } from '../../errors.js';
import { type PreparedImage, prepareImage } from '../../experiments/image/data.js';
import { psnrOf } from '../../experiments/image/task.js';
import type { Engine } from '../../graph/engine.js';
import { pictureOf } from '../../io/image/picture.js';
import { bitsSetting } from '../../io/image/sampling.js';
import { thumbnailOf } from '../../io/image/thumbnail.js';
import { outputShapes } from '../../model/model.js';
import type { FleetJob, FleetReport, FleetResult } from '../../train/fleet/fleetOptions.js';
import { FleetTrainer } from '../../train/fleet/fleetTrainer.js';
import type { FleetOptions } from './options.js';
import { type FleetPlan, kindOf, planOf } from './plan.js';
import { type FleetRow, failedRow, requireNameable, rowIn, writeResult } from './results.js';
import { placesOn, trainSingly } from './singly.js';
import type { Handed, Source } from './source.js';

/** Told what happens. */
export interface FleetWatch {
  /** A fleet of so many places begins, of images of one size. */
  begun(plan: FleetPlan, batch: number): void;
  report(report: Pick<FleetReport, 'running'>): void;
  ended(row: FleetRow): void;
  note(line: string): void;
}

export interface FleetRun {
  readonly options: FleetOptions;
  readonly isTyped: (name: string) => boolean;
  readonly source: Source;
  readonly signal: AbortSignal;
  readonly watch: FleetWatch;
}

/** An image that was read. */
interface Ready {
  readonly handed: Handed;
  readonly data: PreparedImage;
  readonly plan: FleetPlan;
  /** When it joined the others. */
  begun: number;
}

/**
 * Fits what a source has, until it has no more or the signal comes. An image that cannot be read, or whose loss is not
 * finite, ends with that for its row, and nothing else.
 *
 * @param engineOf opens another engine, where the one before was lost.
 * @throws RunError a result that cannot be written, or a device that is lost twice with nothing done in between.
 */
export async function fitImages(run: FleetRun, engine: Engine, engineOf: () => Promise<Engine>): Promise<void> {
  const images = new Reader(run, engine);
  for (let lostAt = -1; ; ) {
    try {
      while (await oneFleet(images, run));
      return;
    } catch (error) {
      if (!isDeviceLost(error) || images.ended === lostAt) throw error;
      lostAt = images.ended;
      run.watch.note(`${error.message.split(':')[0]}: once more on another, with the images under way`);
      images.beginAgain(await engineOf());
    }
  }
}

/** Those of one size that come after each other. @returns whether there was any. */
async function oneFleet(images: Reader, run: FleetRun): Promise<boolean> {
  const { engine } = images;
  const first = await images.next(engine);
  if (!first) return false;
  const { plan } = first;
  if (placesOn(engine, plan) > 0) await inFleet(engine, plan, first, images, run);
  else {
    run.watch.begun(plan, 1);
    const { signal, watch } = run;
    const results = trainSingly(engine, plan, images.jobsOf(first, engine), { signal, onReport: watch.report });
    for await (const result of results) await images.end(result);
  }
  return true;
}

async function inFleet(engine: Engine, plan: FleetPlan, first: Ready, images: Reader, run: FleetRun): Promise<void> {
  const { model, optimiser, preconditioner, steps } = plan;
  const { signal, watch } = run;
  const batch = await batchOf(engine, first, images, run);
  const options = { model, batch, optimiser, steps, ...(preconditioner && { preconditioner }) };
  const fleet = await FleetTrainer.create(engine, options);
  watch.begun(plan, batch);
  try {
    const endings = new Endings();
    for await (const result of fleet.train(images.jobsOf(first, engine), { signal, onReport: watch.report })) {
      await endings.add(images.end(result));
    }
    await endings.all();
  } finally {
    fleet.dispose();
  }
}

const mostEndings = 8;

/** Files are written a few at a time, while the device goes on. */
class Endings {
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** Waits only where too many are under way. @throws what one before it has thrown. */
  async add(ending: Promise<void>): Promise<void> {
    const watched = ending
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#underWay.delete(watched));
    this.#underWay.add(watched);
    if (this.#underWay.size >= mostEndings) await Promise.race(this.#underWay);
    if (this.#failure) throw this.#failure.error;
  }

  /** Waits for all. @throws what one has thrown. */
  async all(): Promise<void> {
    await Promise.all(this.#underWay);
    if (this.#failure) throw this.#failure.error;
  }
}

/** Of fewer images, measuring would take longer than it saves. */
const fewImages = 4;
/** Of device memory, for a batch that was not measured. */
const mostBytes = 2 ** 30;
/** Tensors as large as a model's output, and some to spare. */
const tensorsOfOutput = 8;

/** As many as suit the device, but no more than there are images of that size. */
async function batchOf(engine: Engine, { plan, handed }: Ready, images: Reader, run: FleetRun): Promise<number> {
  const { model, optimiser, preconditioner, kind } = plan;
  const places = Math.min(1 + (await images.left(handed)), placesOn(engine, plan));
  if (run.options.batch !== undefined) return Math.min(run.options.batch, places);
  const small = Math.floor(mostBytes / (4 * tensorsOfOutput * sizeOfAll(outputShapes(model))));
  if (places <= fewImages) return Math.max(1, Math.min(places, small));
  const found =
    images.batches.get(kind) ??
    (await FleetTrainer.batchFor(engine, model, { optimiser, ...(preconditioner && { preconditioner }) }));
  images.batches.set(kind, found);
  return Math.min(found, places);
}

/** Reads images as they are wanted, and knows those that are under way. */
class Reader {
  /** Images that have ended. */
  ended = 0;
  /** How many of a kind go at a time, as it was measured. */
  readonly batches = new Map<string, number>();
  #waiting: Ready[] = [];
  /** One that is being read. */
  #asked: Promise<Ready | undefined> | undefined;
  readonly #underWay = new Map<string, Ready>();
  readonly #plans = new Map<string, FleetPlan>();
  #count = 0;

  /** @param engine whose device the models have to fit. */
  constructor(
    private readonly run: FleetRun,
    private current: Engine,
  ) {}

  get engine(): Engine {
    return this.current;
  }

  /** Those that were under way begin again, on another device. */
  beginAgain(engine: Engine): void {
    this.current = engine;
    this.#waiting = [...this.#underWay.values(), ...this.#waiting];
    this.#underWay.clear();
  }

  /** How many of the same size may still come. */
  async left(like: Handed): Promise<number> {
    return this.#waiting.length + (await this.run.source.left(like));
  }

  /** The next, for who has this engine: where that was lost meanwhile, who has the other takes it. */
  async next(engine: Engine): Promise<Ready | undefined> {
    if (this.run.signal.aborted) return undefined;
    const waiting = this.#waiting.shift();
    if (waiting) return waiting;
    this.#asked ??= this.#read();
    const asked = this.#asked;
    try {
      const ready = await asked;
      return engine === this.current ? ready : undefined;
    } finally {
      if (engine === this.current) this.#asked = undefined;
    }
  }

  /** The next that can be read. */
  async #read(): Promise<Ready | undefined> {
    for (;;) {
      const handed = await this.run.source.next();
      if (!handed) return undefined;
      const { image } = handed;
      // Whoever had it before may have been ended between its file and its word.
      const there = await rowIn(this.run.options.out, image);
      if (there) {
        await this.#tell(handed, there);
        continue;
      }
      try {
        await requireNameable(this.run.options.out, image.name);
        const { size, gray, background, seed } = this.run.options;
        const data = await prepareImage(image.path, { gray, background, seed, ...(size && { size }) });
        return { handed, data, plan: this.#planFor(data), begun: 0 };
      } catch (error) {
        if (!isInputError(error)) throw error;
        await this.#tell(handed, failedRow(image.name, error.message));
      }
    }
  }

  #planFor(data: PreparedImage): FleetPlan {
    const kind = kindOf(data);
    const { options, isTyped } = this.run;
    const plan = this.#plans.get(kind) ?? planOf(this.current, options, isTyped, data);
    this.#plans.set(kind, plan);
    return plan;
  }

  /** Jobs of the first image and of those after it, until one is of another kind. */
  async *jobsOf(first: Ready, engine: Engine): AsyncGenerator<FleetJob> {
    for (let ready: Ready | undefined = first; ready; ready = await this.next(engine)) {
      if (ready.plan.kind !== first.plan.kind) {
        this.#waiting.unshift(ready);
        return;
      }
      const id = String(this.#count++);
      ready.begun = performance.now();
      this.#underWay.set(id, ready);
      yield { id, target: ready.data.target, seed: this.run.options.seed };
    }
  }

  /** @throws RunError a model that cannot be written. */
  async end({ id, steps, loss, parameters, output, failedAt }: Omit<FleetResult, 'losses'>): Promise<void> {
    const ready = this.#underWay.get(id) as Ready;
    this.#underWay.delete(id);
    const { handed, data, plan } = ready;
    const { image } = handed;
    const { width, height, clean, bits } = data;
    const seconds = (performance.now() - ready.begun) / 1000;
    if (failedAt !== undefined) {
      const why = `the loss was not finite at step ${failedAt}: lower --learning-rate ${plan.options.learningRate}`;
      await this.#tell(handed, { ...failedRow(image.name, why), width, height, steps, seconds });
    } else {
      const picture = pictureOf(output as Float32Array, width, height);
      const row: FleetRow = {
        ...{ name: image.name, width, height, steps, seconds, loss },
        psnr: psnrOf(meanSquare(output as Float32Array, clean)),
        failed: '',
        thumbnail: Buffer.from(await thumbnailOf(picture)).toString('base64'),
      };
      const settings = { ...plan.options, [bitsSetting]: bits };
      const { out } = this.run.options;
      const there = await rowIn(out, image);
      if (!there) await writeResult(out, image, { model: plan.model, parameters, row, settings });
      else this.run.watch.note(`${image.name}: another was done with it first: its result stays`);
      await this.#tell(handed, there ?? row);
    }
  }

  async #tell(handed: Handed, row: FleetRow): Promise<void> {
    this.ended++;
    const counts = await handed.end(row);
    if (counts) this.run.watch.ended(row);
    else this.run.watch.note(`${row.name}: is not with this worker any more: another has it, or has done it`);
  }
}

function meanSquare(output: Float32Array, clean: Float32Array): number {
  return output.reduce((sum, value, i) => sum + (value - clean[i]) ** 2, 0) / output.length;
}
