/**
 * How many eigenpairs SepPGD modulates, chosen from spectra.
 *
 * S_d brings l_1 .. l_k down to l_k, so that k decides by how much: l_1 / l_k. Along the leading eigenvectors the
 * gradient is that much weaker afterwards, while what a step of Adam does beside its aim moves them as before; where
 * the ratio is large they drift off, and the loss with them. A spectrum does not stay what it was initially. That of
 * networks which can learn fine detail flattens as SepPGD trains them (sine, from l_90 / l_1 = 6e-7 to 1e-2 in a hundred
 * steps); others stay steep (ReLU). So the spectra judged are those after a short training with a large k, and k is the
 * number of eigenvalues within a given ratio of the first. It is chosen once: where l_k moves from one refresh to
 * the next, the scale of P moves with it, which Adam's long second moment does not follow (bench/NOTES.md).
 */

import type { Combine } from '../ops/precondition/precondition.js';

/** k for each axis, or 'auto'. */
export type TopK = 'auto' | number | readonly number[];

/** The most eigenpairs that are chosen: what a refresh costs grows with their square, and its rotations run on few lanes. */
const mostPairs = 96;

/** The least l_k / l_1 of a k that is chosen. In the product the axes weaken the gradient one after the other. */
const leastRatio: Readonly<Record<Combine, number>> = { sum: 1e-3, product: 1e-2 };

/** Steps of training after which the spectra are judged. */
export const probeSteps = 50;

/** k of each axis during those steps. */
export function probedTopK(axes: readonly number[]): number[] {
  return axes.map(points => Math.min(points, mostPairs));
}

/** The leading eigenvalues of one network's pseudo-NTK, descending, and how many of them float32 resolves. */
interface Resolved {
  readonly values: ArrayLike<number>;
  readonly resolved: number;
}

/**
 * k for each axis: as many resolved eigenvalues as are at least 1e-3 of the first, or 1e-2 where the axes are combined by
 * their product, in every network of it.
 *
 * @param spectra one per network: an axis after the other, member by member.
 * @param most the largest k of each axis.
 * @param combine how the axes are combined; 'sum' by default, as in training.
 * @returns at least 1 for every axis, with which S is the identity.
 */
export function chooseTopK(spectra: readonly Resolved[], most: readonly number[], combine: Combine = 'sum'): number[] {
  return most.map((limit, axis) => {
    const own = spectra.filter((_, i) => i % most.length === axis);
    return Math.max(1, Math.min(limit, ...own.map(spectrum => largePairs(spectrum, leastRatio[combine]))));
  });
}

function largePairs({ values, resolved }: Resolved, ratio: number): number {
  const small = Array.from(values).findIndex(value => !(value > 0 && value >= ratio * values[0]));
  return small < 0 ? resolved : Math.min(small, resolved);
}
