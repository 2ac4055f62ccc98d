/**
 * One run of kernel ridge regression: a method trained on one draw of samples and initial parameters, timed, and tested now
 * and then. It is equation 15 of Luo and Meng: with phi(x) = grad f(x; theta_0) and h(x, w) = <w, phi(x)>,
 *
 *   min over w of 1/2 |S^(1/2) (h(X, w) - y)|^2 + gamma / 2 |w|^2,
 *
 * whose gradient is J^T S (J w - y) + gamma w, J the features of the points of X. So S acts on the cotangent: the
 * identity for a plain method, S_1 x I + I x S_2 for SepPGD, that of all points for MSK. The ridge is Adam's weight decay
 * where that is added to the gradient (L2, not AdamW): gamma is `weightDecay`. The sum of squares is not divided by the
 * number of points. S depends on theta_0 alone, so that each of the paper's refreshes would find the same: it is found
 * once.
 */

import type { Engine } from '../../graph/engine.js';
import { adam } from '../../optimiser/adam.js';
import { TangentTrainer } from '../../train/tangentTrainer.js';
import { type MethodName, type MethodSettings, methods, modelOfMethod } from './methods.js';
import { type FunctionName, krrSamples, type Spread } from './problem.js';

export interface KrrPoint {
  readonly step: number;
  /** Training so far, the preconditioner's setup included and all tests left out. */
  readonly seconds: number;
  /** Mean squared errors on the training's noisy values and on the test's. */
  readonly trainingMse: number;
  readonly testMse: number;
}

export interface KrrRun {
  readonly method: MethodName;
  readonly noise: number;
  readonly seed: number;
  /** Finding the preconditioner. */
  readonly setupSeconds: number;
  /** From step 0 on. */
  readonly curve: readonly KrrPoint[];
}

/** The settings that a run goes by. */
export interface KrrSettings extends MethodSettings {
  readonly function: FunctionName;
  /** Of the training's grid, 'regular' by default. */
  readonly spread?: Spread;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly steps: number;
  readonly reportEvery: number;
  /** The best test error is also told of so many steps. */
  readonly within: number;
}

export interface KrrCase {
  readonly method: MethodName;
  readonly noise: number;
  readonly seed: number;
}

/** @throws DivergedError a loss that is not finite. */
export async function runKrr(
  engine: Engine,
  { method, noise, seed }: KrrCase,
  options: KrrSettings,
  reached: (step: number) => void,
): Promise<KrrRun> {
  const { training, test } = krrSamples(options.function, options.points, { ...options, noise, seed });
  const preconditioner = methods[method].preconditioner?.(options);
  const trainer = await TangentTrainer.create(engine, {
    model: modelOfMethod(method, options),
    target: training.values,
    evaluations: { test },
    optimiser: adam({ learningRate: options.learningRate, weightDecay: options.weightDecay }),
    seed,
    ...(preconditioner && { preconditioner }),
  });
  try {
    // A driver may compile until a plan has run once.
    await trainer.advance(1);
    await trainer.restart();
    const setupSeconds = await secondsOf(() => trainer.prepare());
    const curve = [await measure(trainer, setupSeconds, options)];
    for (const next of reportSteps(options)) {
      const took = await secondsOf(() => trainer.advance(next - trainer.step));
      curve.push(await measure(trainer, curve[curve.length - 1].seconds + took, options));
      reached(next);
    }
    return { method, noise, seed, setupSeconds, curve };
  } finally {
    trainer.dispose();
  }
}

/** Every so many steps, and where the best is asked for and training ends. */
function reportSteps({ steps, reportEvery, within }: KrrSettings): number[] {
  const regular = Array.from({ length: Math.floor(steps / reportEvery) }, (_, i) => (i + 1) * reportEvery);
  return [...new Set([...regular, Math.min(within, steps), steps])].sort((a, b) => a - b);
}

async function measure(trainer: TangentTrainer, seconds: number, { points }: KrrSettings): Promise<KrrPoint> {
  const { training, test } = await trainer.evaluate();
  const mse = (loss: number) => (2 * loss) / points ** 2;
  return { step: trainer.step, seconds, trainingMse: mse(training), testMse: mse(test) };
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
