/** What the runs of kernel ridge regression amount to: means and medians over the seeds, the curves as data and as plots. */

import { median } from '../../host/arrays.js';
import { linePlot } from '../../io/plot.js';
import { type MethodName, methods } from './methods.js';
import type { KrrPoint, KrrRun } from './run.js';

/** Means over the seeds, as the paper has them, or medians, each of its own quantity. */
export interface KrrAverage {
  readonly method: MethodName;
  readonly noise: number;
  readonly setupSeconds: number;
  readonly msPerStep: number;
  /** Of every seed's own best test error in the first steps, and in all. */
  readonly bestWithin: number;
  readonly best: number;
  readonly curve: readonly KrrPoint[];
}

/** @param within the steps of `bestWithin`. */
export function meansOf(runs: readonly KrrRun[], within: number): KrrAverage[] {
  return averagesOf(runs, within, values => values.reduce((sum, value) => sum + value, 0) / values.length);
}

export function mediansOf(runs: readonly KrrRun[], within: number): KrrAverage[] {
  return averagesOf(runs, within, median);
}

function averagesOf(
  runs: readonly KrrRun[],
  within: number,
  average: (values: readonly number[]) => number,
): KrrAverage[] {
  const firsts = runs.filter((run, i) => runs.findIndex(other => isSameCase(run, other)) === i);
  return firsts.map(first => {
    const { method, noise, curve } = first;
    const seeds = runs.filter(run => isSameCase(run, first));
    const over = (pick: (run: KrrRun) => number) => average(seeds.map(pick));
    const bestOf = (run: KrrRun, last: number) =>
      Math.min(...run.curve.filter(({ step }) => step <= last).map(({ testMse }) => testMse));
    return {
      method,
      noise,
      setupSeconds: over(run => run.setupSeconds),
      msPerStep: over(run => msPerStepOf(run)),
      bestWithin: over(run => bestOf(run, within)),
      best: over(run => bestOf(run, Number.POSITIVE_INFINITY)),
      curve: curve.map(({ step }, i) => ({
        step,
        seconds: over(run => run.curve[i].seconds),
        trainingMse: over(run => run.curve[i].trainingMse),
        testMse: over(run => run.curve[i].testMse),
      })),
    };
  });
}

/** But for the seed. */
function isSameCase(a: KrrRun, b: KrrRun): boolean {
  return a.method === b.method && a.noise === b.noise;
}

function msPerStepOf({ curve, setupSeconds }: KrrRun): number {
  const { step, seconds } = curve[curve.length - 1];
  return (1000 * (seconds - setupSeconds)) / step;
}

/** Every point of every curve, a line each. */
export function curvesAsCsv(runs: readonly KrrRun[]): string {
  const rows = runs.flatMap(({ method, noise, seed, curve }) =>
    curve.map(({ step, seconds, trainingMse, testMse }) =>
      [method, noise, seed, step, seconds, trainingMse, testMse].join(','),
    ),
  );
  return `${['method,noise,seed,step,seconds,training_mse,test_mse', ...rows].join('\n')}\n`;
}

/** The test errors at one level of noise, against steps or seconds. */
export function krrPlot(averages: readonly KrrAverage[], title: string, x: 'step' | 'seconds'): string {
  const lines = averages.map(({ method, curve }) => ({
    name: methods[method].label,
    points: curve.map((point): [number, number] => [point[x], point.testMse]),
  }));
  return linePlot(lines, { title, x, y: 'test MSE', logarithmic: { y: true } });
}
