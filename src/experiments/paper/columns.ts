/** What stands side by side in the tables: how a row is trained, by which optimiser, at which rates, preconditioned or not. */

import type { Combine } from '../../ops/precondition/precondition.js';
import type { Optimiser } from '../../optimiser/optimiser.js';
import { msk } from '../../precondition/iga.js';
import type { Preconditioner } from '../../precondition/preconditioner.js';
import { sepPgd } from '../../precondition/sepPgd.js';
import { entrants, trainingOf } from '../entrants.js';
import type { Setting } from './setting.js';

/** An optimiser, and what says all of it that a row depends on. */
interface Way {
  readonly words: (rate: number) => string;
  readonly optimiser: (rate: number, steps: number) => Optimiser;
}

export interface Column extends Way {
  readonly label: string;
  /** Learning rates: the run that is best by the table's figure stands in the column. */
  readonly rates: (setting: Setting) => readonly number[];
  readonly preconditioned?: {
    readonly words: string;
    readonly make: (setting: Setting) => Preconditioner;
  };
}

const byAdam: Way = {
  words: rate => `Adam at ${rate}`,
  optimiser: (rate, steps) => trainingOf({ ...entrants.adam, learningRate: rate }, steps).optimiser,
};

const byMuon: Way = {
  words: rate => `Muon at ${rate}, Adam at ${entrants.muon.restLearningRate} for the rest, both along a cosine`,
  optimiser: (rate, steps) => trainingOf({ ...entrants.muon, learningRate: rate }, steps).optimiser,
};

const papers = ({ rates }: Setting) => rates.slice(0, 1);
const muons = ({ muonRates }: Setting) => muonRates;

/** g = sqrt(l) needs the mean of the logits; to g = l_k it is all one. */
const bySepPgd = (combine: Combine) => ({
  words: `SepPGD ${combine}`,
  make: ({ topK, modulation, refresh }: Setting) => sepPgd({ topK, combine, modulation, meanOfLogits: true, refresh }),
});

const byMsk = {
  words: 'MSK',
  make: ({ mskTopK, refresh }: Setting) => msk({ topK: mskTopK, refresh }),
};

export const columns = {
  plain: { label: 'plain', rates: papers, ...byAdam },
  plainBestRate: { label: 'plain, best rate', rates: ({ rates }: Setting) => rates, ...byAdam },
  msk: { label: 'MSK', rates: papers, ...byAdam, preconditioned: byMsk },
  sepPgd: { label: 'SepPGD', rates: papers, ...byAdam, preconditioned: bySepPgd('sum') },
  product: { label: 'SepPGD, product', rates: papers, ...byAdam, preconditioned: bySepPgd('product') },
  muon: { label: 'Muon', rates: muons, ...byMuon },
  muonSepPgd: {
    label: 'Muon, SepPGD product',
    rates: muons,
    ...byMuon,
    preconditioned: bySepPgd('product'),
  },
} as const satisfies Readonly<Record<string, Column>>;

export type ColumnName = keyof typeof columns;
