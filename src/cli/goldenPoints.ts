/** A golden case on scattered points, brought into the form of one on a grid: what it leaves unsaid is put in. */

import { InputError } from '../errors.js';
import type { GoldenCase, Nested } from './goldenCase.js';

/** What a case on scattered points holds; the rest as in a case on a grid, and optional. */
interface PointsCase extends Partial<Omit<GoldenCase, 'ns' | 'coords' | 'ranks' | 'W' | 'depth'>> {
  /** (n, D). */
  readonly X: readonly (readonly number[])[];
  readonly omegas: readonly number[];
  readonly params: Readonly<Record<string, Nested>>;
  readonly target: Nested;
  readonly k: number;
}

export function isPointsCase(value: unknown): boolean {
  return (value as { X?: unknown } | null)?.X !== undefined;
}

/** @throws InputError a field that is missing, or points that are no (n, D). */
export function pointsCase(value: unknown): GoldenCase {
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
