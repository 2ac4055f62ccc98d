/** The methods that kernel ridge regression compares: what is linearised, and how the cotangent is preconditioned. */

import { type Activation, relu } from '../../model/activation.js';
import { architecture } from '../../model/architecture.js';
import { cp } from '../../model/contraction/cp.js';
import { jointNetwork } from '../../model/contraction/jointNetwork.js';
import { grid } from '../../model/domain/grid.js';
import { defineModel, type Model } from '../../model/model.js';
import { msk } from '../../precondition/iga.js';
import type { Preconditioner } from '../../precondition/preconditioner.js';
import { sepPgd } from '../../precondition/sepPgd.js';

export interface MethodSettings {
  /** n: the training's grid is n x n. */
  readonly points: number;
  readonly rank: number;
  readonly width: number;
  readonly depth: number;
  /** `relu` by default. */
  readonly activation?: Activation;
  /** Eigenpairs that SepPGD modulates on each axis, and MSK in all. */
  readonly topK: number;
  readonly mskTopK: number;
}

interface Method {
  readonly label: string;
  /** Whether the model is a separable one, or one network of both coordinates. */
  readonly separable: boolean;
  readonly preconditioner?: (settings: Pick<MethodSettings, 'topK' | 'mskTopK'>) => Preconditioner;
  /** Of what eigenpairs are modulated. */
  readonly modulated?: 'each axis' | 'all points';
}

const bySepPgd = {
  preconditioner: ({ topK }: Pick<MethodSettings, 'topK'>) => sepPgd({ topK }),
  modulated: 'each axis',
} as const;
const byMsk = {
  preconditioner: ({ mskTopK }: Pick<MethodSettings, 'mskTopK'>) => msk({ topK: mskTopK }),
  modulated: 'all points',
} as const;

const table = {
  mlp: { label: 'MLP', separable: false },
  'mlp-msk': { label: 'MLP, MSK', separable: false, ...byMsk },
  sepnn: { label: 'SepNN', separable: true },
  'sepnn-msk': { label: 'SepNN, MSK', separable: true, ...byMsk },
  'sepnn-seppgd': { label: 'SepNN, SepPGD', separable: true, ...bySepPgd },
} as const satisfies Readonly<Record<string, Method>>;

export type MethodName = keyof typeof table;
export const methods: Readonly<Record<MethodName, Method>> = table;
export const methodNames = Object.keys(table) as MethodName[];

/** A method's model. A SepNN has c = 1 / sqrt(R), as in the theory of the tangent kernel. */
export function modelOfMethod(name: MethodName, settings: MethodSettings): Model {
  const { points, rank, width, depth, activation = relu } = settings;
  return defineModel({
    domain: grid([points, points]),
    contraction: methods[name].separable ? cp({ rank, scale: 1 / Math.sqrt(rank) }) : jointNetwork(),
    network: architecture({ width, depth, activation }),
  });
}
