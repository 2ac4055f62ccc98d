/** What kernel ridge regression learns: functions on [-1, 1]^2, sampled on grids. */

import { Random } from '../../host/random.js';
import { grid } from '../../model/domain/grid.js';
import { linspace } from '../../model/domain/linspace.js';
import type { Samples } from '../../train/tangentTrainer.js';
import { noiseStream, placeStream, testStream } from '../streams.js';

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

/** How the coordinates of the training's grid lie: evenly, or drawn from [-1, 1] as the test's are. */
export const spreads = ['regular', 'drawn'] as const;
export type Spread = (typeof spreads)[number];

/**
 * n x n points each, on grids of [-1, 1]^2: every combination of n coordinates of each axis. The test's are drawn, so that
 * no distance from the training's points is favoured, and have the function itself; the training's values have normal
 * noise. The paper draws both "on grids": even coordinates for the training are the reading under which SepPGD tests
 * better than plain, as the paper has it; with drawn ones both err two to ten times as much.
 */
export function krrSamples(
  name: FunctionName,
  points: number,
  { noise, seed, spread = 'regular' }: { readonly noise: number; readonly seed: number; readonly spread?: Spread },
): KrrSamples {
  const [noises, places, tests] = [noiseStream, placeStream, testStream].map(
    stream => new Random((seed ^ stream) >>> 0),
  );
  const drawn = (random: Random) =>
    [0, 1].map(() => Float64Array.from({ length: points }, () => random.uniform(-1, 1)).sort());
  const training = spread === 'drawn' ? drawn(places) : [linspace(points), linspace(points)];
  return {
    training: sample(name, training, value => value + noise * noises.normal()),
    test: sample(name, drawn(tests), value => value),
  };
}

function sample(name: FunctionName, coordinates: readonly Float64Array[], observe: (value: number) => number): Samples {
  const [xs, ys] = coordinates;
  const values = Float64Array.from({ length: xs.length * ys.length }, (_, i) =>
    observe(functions[name](xs[Math.floor(i / ys.length)], ys[i % ys.length])),
  );
  return { domain: grid(coordinates), values };
}
