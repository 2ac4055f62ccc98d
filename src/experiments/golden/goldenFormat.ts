/**
 * The format in which cases are shared between independent programs: one small problem with everything that an
 * implementation must compute on it, as nested lists of numbers, row-major; parameters by name (`d0.W1`, `d0.b1`). A case
 * on scattered points is brought into the form of one on a grid.
 */

import { InputError } from '../../errors.js';
import { isRecord } from '../../host/checks.js';
import { type Activation, cosine, leakyRelu, relu, sine, tanh } from '../../model/activation.js';
import type { Contraction } from '../../model/contraction/contraction.js';
import { cp } from '../../model/contraction/cp.js';
import { tensorTrain } from '../../model/contraction/tensorTrain.js';
import { tucker } from '../../model/contraction/tucker.js';
import { bceWithLogits } from '../../objective/bceWithLogits.js';
import type { Objective } from '../../objective/objective.js';
import { squaredError } from '../../objective/squaredError.js';
import type { Modulation } from '../../ops/precondition/modulate.js';
import type { Nested } from './nested.js';

export type Quantities = Readonly<Record<string, Nested | Readonly<Record<string, Nested>>>>;

export interface GoldenCase {
  readonly kind: string;
  readonly ns: readonly number[];
  readonly coords: readonly (readonly number[])[];
  readonly ranks: number | readonly number[];
  readonly W: number;
  readonly depth: number;
  readonly activation: string;
  readonly omegas: readonly number[];
  readonly fourier_B: readonly number[] | null;
  readonly params: Readonly<Record<string, Nested>>;
  readonly scale: number;
  readonly loss: string;
  readonly mask: Nested | null;
  readonly target: Nested;
  readonly k: number;
  readonly g: string;
  /** (n, D): scattered points, instead of a grid. */
  readonly X?: Nested;
  /** Without it no step is made. */
  readonly adam?: { readonly lr: number; readonly b1: number; readonly b2: number; readonly eps: number };
  /** A decoder reads the products, and the output has one axis more, the last. */
  readonly decoder?: { readonly hidden: number; readonly activation: string };
  /** Of the decoder. */
  readonly outputs?: number;
  /** Steps are made by Muon where it is there, and by Adam on what is no matrix of its. */
  readonly muon?: {
    readonly lr: number;
    readonly momentum: number;
    readonly steps: number;
    readonly weight_decay: number;
    /** The W that it updates, by their names in `params`; its usual ones where it says nothing. */
    readonly matrices?: readonly string[];
  };
}

export const activations: Readonly<Record<string, Activation>> = {
  sin: sine,
  cos: cosine,
  relu,
  'leaky_relu_0.01': leakyRelu,
  tanh,
};
export const objectives: Readonly<Record<string, Objective>> = {
  mse_half_sum: squaredError(),
  bce_logits_sum: bceWithLogits(),
};
/** By the kinds of cases, of their ranks and their c. */
export const contractions: Readonly<Record<string, (ranks: GoldenCase['ranks'], scale: number) => Contraction>> = {
  cp: (rank, scale) => cp({ rank: rank as number, scale }),
  tt: (ranks, scale) => tensorTrain({ ranks, scale }),
  tucker: (ranks, scale) => tucker({ ranks, scale }),
};
export const modulationNames: Readonly<Record<string, Modulation>> = { g1: 'flat', g2: 'sqrt' };

/** A field's value by its name in the format. @throws InputError naming the field and what it may be. */
export function named<T>(names: Readonly<Record<string, T>>, field: string, value: string): T {
  const found = names[value];
  if (found === undefined) {
    throw new InputError(`case: ${field} is ${JSON.stringify(value)}: use ${Object.keys(names).join(', ')}`);
  }
  return found;
}

/** What a case of jets holds beside the fields of others, of which it has none on targets and eigenpairs. */
export interface JetsCase
  extends Pick<
    GoldenCase,
    'kind' | 'ns' | 'coords' | 'ranks' | 'W' | 'depth' | 'activation' | 'omegas' | 'fourier_B' | 'params' | 'scale'
  > {
  /** The equation's left side in u and its derivatives by axis: u_t0t0 is twice by axis 0. */
  readonly terms: string;
  /** Its right side, of the grid's shape; zero where it is absent. */
  readonly source?: Nested | null;
  /** Whether the networks are gated; their matrices are those of `params` that are no layer's. */
  readonly gate?: boolean;
  /** Only their number is read: the orders wanted, 3 where it is absent. */
  readonly jets?: readonly (readonly unknown[])[];
}

/** @param given an object. */
export function isJetsCase(given: object): given is JetsCase {
  return typeof (given as Partial<JetsCase>).terms === 'string';
}

/** @throws InputError a field that is missing, or a kind that is not computed here. */
function jetsCase(given: Partial<JetsCase>): JetsCase {
  const fields = ['ns', 'coords', 'ranks', 'W', 'depth', 'activation', 'omegas', 'params'] as const;
  const missing = fields.filter(field => given[field] === undefined);
  if (missing.length > 0) throw new InputError(`case: the fields ${missing.join(', ')} are missing`);
  named({ cp: true }, 'kind', given.kind ?? 'cp');
  return { scale: 1, fourier_B: null, ...given } as JetsCase;
}

export type AnyCase = GoldenCase | JetsCase;

/** @throws InputError a field that is missing, or a kind of case that is not computed here. */
export function requireCase(value: unknown): AnyCase {
  if (isRecord(value) && isJetsCase(value)) return jetsCase(value);
  const fields = ['kind', 'ns', 'coords', 'ranks', 'W', 'depth', 'activation', 'omegas', 'params', 'target', 'k'];
  const found = isPointsCase(value) ? pointsCase(value) : value;
  const missing = fields.filter(field => (found as Record<string, unknown> | null)?.[field] === undefined);
  if (missing.length > 0) throw new InputError(`case: the fields ${missing.join(', ')} are missing`);
  const given = found as GoldenCase;
  named(contractions, 'kind', given.kind);
  return given;
}

/** What a case on scattered points holds; the rest as in a case on a grid, and optional. */
interface PointsCase extends Partial<Omit<GoldenCase, 'ns' | 'coords' | 'ranks' | 'W' | 'depth'>> {
  /** (n, D). */
  readonly X: readonly (readonly number[])[];
  readonly omegas: readonly number[];
  readonly params: Readonly<Record<string, Nested>>;
  readonly target: Nested;
  readonly k: number;
}

function isPointsCase(value: unknown): boolean {
  return (value as { X?: unknown } | null)?.X !== undefined;
}

/** @throws InputError a field that is missing, or points that are no (n, D). */
function pointsCase(value: unknown): GoldenCase {
  const given = value as PointsCase;
  const missing = (['omegas', 'params', 'target', 'k'] as const).filter(field => given[field] === undefined);
  if (missing.length > 0) throw new InputError(`case: the fields ${missing.join(', ')} are missing`);
  const { X, params, omegas } = given;
  const axes = Array.isArray(X) && Array.isArray(X[0]) ? X[0].length : 0;
  if (axes === 0 || !X.every(row => Array.isArray(row) && row.length === axes)) {
    throw new InputError('case: X is no matrix (n, D): give a row of D coordinates for each point');
  }
  const depth = omegas.length + 1;
  const [first, last] = [0, depth - 1].map(layer => params[`d0.W${layer}`]);
  if (!Array.isArray(first) || !Array.isArray(last)) {
    throw new InputError(`case: params lack d0.W0 or d0.W${depth - 1}`);
  }
  return {
    kind: 'cp',
    activation: 'sin',
    fourier_B: null,
    scale: 1,
    loss: 'mse_half_sum',
    mask: null,
    g: 'g1',
    ...given,
    ns: Array<number>(axes).fill(X.length),
    coords: Array.from({ length: axes }, (_, axis) => X.map(row => row[axis])),
    ranks: last.length,
    W: first.length,
    depth,
  };
}
