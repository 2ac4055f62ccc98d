/** The occupancy of a volume, the paper's Figure 3: its Thai statue has 304 x 512 x 262 points. The volume is the user's. */

import { readVolume } from '../../io/volumeFile.js';
import { sine } from '../../model/activation.js';
import { architecture } from '../../model/architecture.js';
import { cp } from '../../model/contraction/cp.js';
import { grid } from '../../model/domain/grid.js';
import { defineModel } from '../../model/model.js';
import { squaredError } from '../../objective/squaredError.js';
import { occupancyTask } from '../occupancy.js';
import type { Experiment, Setting } from './setting.js';

export interface StatueSetting extends Setting {
  readonly omega: number;
}

/** But for omega, of which the paper says nothing: at this rate networks of omega 30 do not train (bench/NOTES.md). */
const papers: StatueSetting = {
  rank: 200,
  width: 256,
  activation: sine,
  omega: 10,
  topK: 20,
  mskTopK: 25,
  modulation: 'flat',
  refresh: 10,
  steps: 1000,
  rates: [5e-3, 2e-3, 1e-3],
  muonRates: [1e-2, 3e-3],
};
const level = 0.5;

export const statue: Experiment<StatueSetting> = {
  scales: {
    tiny: { ...papers, rank: 6, width: 8, topK: 3, steps: 20, rates: [5e-3, 1e-3], muonRates: [1e-2] },
    /** For a quarter of the paper's points along each axis. */
    small: { ...papers, rank: 50, width: 64, topK: 5, steps: 100 },
    paper: papers,
  },
  runsOn: sources => sources.volumes,
  async task({ rank, width, activation, omega }, { path }) {
    const { shape, inside } = await readVolume(path);
    const model = defineModel({
      domain: grid(shape),
      contraction: cp({ rank }),
      network: architecture({ width, activation, omega }),
    });
    return occupancyTask(model, inside, { objective: squaredError(), level });
  },
};
