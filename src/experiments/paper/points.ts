/**
 * The paper's points off the grid, its Table 9: 500 of them drawn from [-1, 1]^2 of each function of the kernel ridge
 * regression. The paper does not say which network learns them, nor where its error is taken: here it is the network of
 * the kernel ridge regression, trained, and the error at as many other points.
 */

import { Random } from '../../host/random.js';
import { relu } from '../../model/activation.js';
import { architecture } from '../../model/architecture.js';
import { cp } from '../../model/contraction/cp.js';
import { scatteredPoints } from '../../model/domain/scatteredPoints.js';
import { evaluate } from '../../model/evaluate.js';
import { defineModel } from '../../model/model.js';
import type { Trainer } from '../../train/trainer.js';
import { type FunctionName, functions } from '../krr/problem.js';
import { placeStream, testStream } from '../streams.js';
import type { Experiment, Setting } from './setting.js';

export interface PointSetting extends Setting {
  readonly function: FunctionName;
  readonly points: number;
}

const papers: PointSetting = {
  function: 'f1',
  points: 500,
  rank: 100,
  width: 200,
  activation: relu,
  topK: 5,
  mskTopK: 25,
  modulation: 'flat',
  refresh: 10,
  steps: 1000,
  rates: [1e-3, 3e-4, 3e-3],
  muonRates: [1e-2, 3e-3],
};

export const points: Experiment<PointSetting> = {
  scales: {
    tiny: {
      ...papers,
      points: 24,
      rank: 4,
      width: 6,
      topK: 3,
      mskTopK: 4,
      steps: 20,
      rates: [1e-3, 3e-3],
      muonRates: [1e-2],
    },
    small: { ...papers, steps: 100 },
    paper: papers,
  },
  runsOn: () => [{ path: 'points drawn by the seed', digest: '' }],
  async task(setting, _, seed) {
    const { rank, width, activation } = setting;
    const [training, test] = [placeStream, testStream].map(stream => drawn(setting, (seed ^ stream) >>> 0));
    const model = defineModel({
      domain: training.domain,
      contraction: cp({ rank, scale: 1 / Math.sqrt(rank) }),
      network: architecture({ width, activation }),
    });
    return {
      model,
      target: training.values,
      headline: ({ mse = Number.NaN }) => `MSE ${mse.toExponential(2)}`,
      async measure(trainer: Trainer) {
        const { training: loss } = await trainer.evaluate();
        const { parameters } = await trainer.state();
        const output = await evaluate(trainer.engine, model, parameters, test.domain);
        const mse = output.reduce((sum, z, i) => sum + (z - test.values[i]) ** 2, 0) / output.length;
        return { loss, mse };
      },
    };
  },
};

function drawn({ function: name, points: count }: PointSetting, seed: number) {
  const random = new Random(seed);
  const coordinates = Float64Array.from({ length: 2 * count }, () => random.uniform(-1, 1));
  const values = Float64Array.from({ length: count }, (_, i) =>
    functions[name](coordinates[2 * i], coordinates[2 * i + 1]),
  );
  return { domain: scatteredPoints({ axes: 2, coordinates }), values };
}
