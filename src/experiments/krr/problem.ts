/** What kernel ridge regression learns: functions on [-1, 1]^2, sampled on grids. */

import { Random } from '../../host/random.js';
import { grid } from '../../model/domain/grid.js';
import { linspace } from '../../model/domain/linspace.js';
import type { Samples } from '../../train/tangentTrainer.js';
import { noiseStream, testStream } from '../streams.js';

/** Of Luo and Meng, after Franke's test functions for the interpolation of scattered data. */
export const functions = {
  f1: (x: number, y: number) => Math.exp((-81 / 4) * ((x - 1 / 2) ** 2 + (y - 1 / 2) ** 2)) / 3,
  f2: (x: number, y: number) => (1.25 + Math.cos(5.4 * y)) / (6 + 6 * (3 * x - 1) ** 2),
  f3: (x: number, y: number) => (Math.tanh(9 - 9 * x - 9 * y) + 1) / 9,
} as const;

export type FunctionName = keyof typeof functions;
export const functionNames = Object.keys(functions) as FunctionName[];

export interface KrrSamples {
  readonly training: Samples;
  readonly test: Samples;
}

/**
 * n x n points each: for training a regular grid with normal noise on the values; for the test a grid of coordinates
 * drawn from all of [-1, 1], so that no distance from the training's points is favoured, with the function itself.
 */
export function krrSamples(name: FunctionName, points: number, noise: number, seed: number): KrrSamples {
  const [noises, places] = [noiseStream, testStream].map(stream => new Random((seed ^ stream) >>> 0));
  const drawn = [0, 1].map(() => Float64Array.from({ length: points }, () => places.uniform(-1, 1)).sort());
  return {
    training: sample(name, [linspace(points), linspace(points)], value => value + noise * noises.normal()),
    test: sample(name, drawn, value => value),
  };
}

function sample(name: FunctionName, coordinates: readonly Float64Array[], observe: (value: number) => number): Samples {
  const [xs, ys] = coordinates;
  const values = Float64Array.from({ length: xs.length * ys.length }, (_, i) =>
    observe(functions[name](xs[Math.floor(i / ys.length)], ys[i % ys.length])),
  );
  return { domain: grid(coordinates), values };
}
