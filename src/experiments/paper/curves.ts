/**
 * The paper's curves against time and steps: five methods side by side, a panel for each thing that they learn. Seconds are
 * of training, the preconditioner's own work counted in and all reports left out.
 */

import type { Engine } from '../../graph/engine.js';
import { relu } from '../../model/activation.js';
import { architecture } from '../../model/architecture.js';
import { cp } from '../../model/contraction/cp.js';
import { jointNetwork } from '../../model/contraction/jointNetwork.js';
import { grid } from '../../model/domain/grid.js';
import { defineModel } from '../../model/model.js';
import { adam } from '../../optimiser/adam.js';
import { Trainer } from '../../train/trainer.js';
import type { TrainerOptions } from '../../train/trainerOptions.js';
import { prepareImage } from '../image/data.js';
import { imageTask } from '../image/task.js';
import { type MethodName, type MethodSettings, methodNames, methods } from '../krr/methods.js';
import { functionNames } from '../krr/problem.js';
import { type KrrSettings, runKrr } from '../krr/run.js';
import type { Runs } from './runs.js';
import type { ScaleName } from './setting.js';

export interface CurvePoint {
  readonly step: number;
  readonly seconds: number;
  readonly mse: number;
}

export interface Panel {
  readonly name: string;
  readonly lines: readonly { readonly method: MethodName; readonly points: readonly CurvePoint[] }[];
}

export interface Curves {
  readonly title: string;
  readonly beside: string;
  readonly y: string;
  /** What is said of how its runs are set. */
  readonly setting: (scale: ScaleName, steps?: number) => string;
  readonly panels: (runs: Runs, scale: ScaleName, steps?: number) => Promise<readonly Panel[]>;
}

const noises = [0, 0.01] as const;
const reportsACurve = 50;

function every(steps: number): number {
  return Math.max(1, Math.round(steps / reportsACurve));
}

interface ImageCurves extends MethodSettings {
  readonly learningRate: number;
  readonly steps: number;
}

/** The paper does not say to which size its images are reduced: MSK takes a tangent kernel of all their points. */
const ofImages = {
  points: 64,
  rank: 150,
  width: 150,
  depth: 3,
  topK: 10,
  mskTopK: 25,
  learningRate: 1e-4,
  steps: 1300,
} as const satisfies ImageCurves;

const imageScales: Readonly<Record<ScaleName, ImageCurves>> = {
  tiny: { ...ofImages, points: 6, rank: 5, width: 6, topK: 2, mskTopK: 3, steps: 4 },
  small: { ...ofImages, points: 32, steps: 150 },
  paper: ofImages,
};

interface KrrCurves extends Omit<KrrSettings, 'function' | 'reportEvery' | 'within'> {
  readonly seeds: number;
}

const ofKrr = {
  points: 30,
  rank: 100,
  width: 200,
  depth: 3,
  activation: relu,
  topK: 5,
  mskTopK: 25,
  learningRate: 1e-3,
  weightDecay: 1e-4,
  steps: 1000,
  seeds: 5,
} as const satisfies KrrCurves;

const krrScales: Readonly<Record<ScaleName, KrrCurves>> = {
  tiny: { ...ofKrr, points: 6, rank: 5, width: 6, topK: 2, mskTopK: 3, steps: 4, seeds: 2 },
  small: { ...ofKrr, points: 20, steps: 100 },
  paper: ofKrr,
};

export const curves = {
  krr: {
    title: 'kernel ridge regression, equation 15',
    beside: 'Figures 2a and 5',
    y: 'test MSE',
    setting(scale, steps = krrScales[scale].steps) {
      const { points, rank, width, topK, mskTopK, learningRate, seeds } = krrScales[scale];
      return `${points} x ${points} points, R = ${rank}, W = ${width}, k = ${topK} (MSK ${mskTopK}), Adam at ${learningRate}, ${steps} steps, means of the seeds 0 to ${seeds - 1}`;
    },
    async panels(runs, scale, steps) {
      const { seeds, ...rest } = krrScales[scale];
      const settings = { ...rest, ...(steps !== undefined && { steps }) };
      const all = Array.from({ length: seeds }, (_, seed) => seed);
      const panels: Panel[] = [];
      for (const name of functionNames) {
        for (const noise of noises) {
          const what = `${name}, noise ${noise}`;
          const how = { ...settings, function: name, reportEvery: every(settings.steps), within: settings.steps };
          const made = (method: MethodName, seed: number) =>
            kept(runs, ['krr', how, noise], what, method, seed, async () => {
              const { curve } = await runKrr(runs.engine, { method, noise, seed }, how, () => {
                runs.signal?.throwIfAborted();
              });
              return curve.map(({ step, seconds, testMse }) => ({ step, seconds, mse: testMse }));
            });
          panels.push({ name: what, lines: await linesOf(all, made) });
        }
      }
      return panels;
    },
  },
  convergence: {
    title: 'an image, against time and steps',
    beside: 'Figures 6 and 7',
    y: 'MSE',
    setting(scale, steps = imageScales[scale].steps) {
      const { points, rank, width, topK, mskTopK, learningRate } = imageScales[scale];
      return `gray, ${points} x ${points}, R = ${rank}, W = ${width}, k = ${topK} (MSK ${mskTopK}), Adam at ${learningRate}, ${steps} steps, means over the seeds`;
    },
    async panels(runs, scale, steps) {
      const settings = { ...imageScales[scale], ...(steps !== undefined && { steps }) };
      const panels: Panel[] = [];
      for (const { path, digest } of runs.sources.images) {
        for (const noise of noises) {
          const name = path.replace(/^.*[/\\]|\.\w+$/g, '');
          const what = `${name}, noise ${noise}`;
          const made = (method: MethodName, seed: number) =>
            kept(runs, ['convergence', settings, digest, noise], what, method, seed, () =>
              imageCurve(runs, settings, { path, noise, method, seed }),
            );
          panels.push({ name: what, lines: await linesOf(runs.seeds, made) });
        }
      }
      return panels;
    },
  },
} as const satisfies Readonly<Record<string, Curves>>;

export type CurvesName = keyof typeof curves;
export const curvesNames = Object.keys(curves) as readonly CurvesName[];

function kept(
  { rows, announce, signal }: Runs,
  key: readonly unknown[],
  what: string,
  method: MethodName,
  seed: number,
  make: () => Promise<readonly CurvePoint[]>,
): Promise<readonly CurvePoint[]> {
  return rows.of(JSON.stringify([...key, method, seed]), () => {
    signal?.throwIfAborted();
    announce(`${what}: ${methods[method].label}, seed ${seed}`);
    return make();
  });
}

/** Every method's mean over the seeds. */
async function linesOf(
  seeds: readonly number[],
  made: (method: MethodName, seed: number) => Promise<readonly CurvePoint[]>,
): Promise<Panel['lines']> {
  const lines = [];
  for (const method of methodNames) {
    const runs: (readonly CurvePoint[])[] = [];
    for (const seed of seeds) runs.push(await made(method, seed));
    const points = runs[0].map(({ step }, i) => {
      const mean = (key: 'seconds' | 'mse') => runs.reduce((sum, run) => sum + run[i][key], 0) / runs.length;
      return { step, seconds: mean('seconds'), mse: mean('mse') };
    });
    lines.push({ method, points });
  }
  return lines;
}

interface ImageCase {
  readonly path: string;
  readonly noise: number;
  readonly method: MethodName;
  readonly seed: number;
}

/** @throws DivergedError a loss that is not finite. */
async function imageCurve(
  { engine, signal }: Runs,
  { points, rank, width, depth, learningRate, steps, ...modulated }: ImageCurves,
  { path, noise, method, seed }: ImageCase,
): Promise<readonly CurvePoint[]> {
  const { separable, preconditioner } = methods[method];
  const size = { width: points, height: points };
  const data = await prepareImage(path, { size, gray: true, seed, ...(noise > 0 && { noise }) });
  const model = defineModel({
    domain: grid([points, points]),
    contraction: separable ? cp({ rank }) : jointNetwork(),
    network: architecture({ width, depth }),
  });
  const { target, evaluations = {}, measure } = imageTask(model, data);
  const optimiser = adam({ learningRate });
  const preconditioned = preconditioner && { preconditioner: preconditioner(modulated) };
  const options = { model, target, evaluations, optimiser, seed, ...preconditioned };
  await warmUp(engine, options);
  const trainer = await Trainer.create(engine, options);
  try {
    const curve = [{ step: 0, seconds: 0, mse: (await measure(trainer)).mse }];
    while (trainer.step < steps) {
      signal?.throwIfAborted();
      const start = performance.now();
      await trainer.advance(Math.min(every(steps), steps - trainer.step));
      const seconds = curve[curve.length - 1].seconds + (performance.now() - start) / 1000;
      curve.push({ step: trainer.step, seconds, mse: (await measure(trainer)).mse });
    }
    return curve;
  } finally {
    trainer.dispose();
  }
}

/** A driver may compile until a plan has run once: here that of a step with a refresh, and of one without. */
async function warmUp(engine: Engine, options: TrainerOptions): Promise<void> {
  const trainer = await Trainer.create(engine, options);
  try {
    await trainer.advance(2);
  } finally {
    trainer.dispose();
  }
}
