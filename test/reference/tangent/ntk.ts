import type { ActivationName } from '../network/activation.js';
import { layerShapes, type NetworkShape, network, networkGradient } from '../network/network.js';

export interface CpShape {
  readonly axes: number;
  readonly rank: number;
  readonly scale: number;
  readonly network: {
    readonly width: number;
    readonly depth: number;
    readonly activation: ActivationName;
    readonly omegas: readonly number[];
    readonly frequencies: readonly number[];
  };
}

/** <v_i, v_j> for all pairs of vectors. */
export function gramOf(vectors: readonly Float64Array[]): Float64Array {
  return Float64Array.from(vectors.flatMap(a => vectors.map(b => a.reduce((sum, x, i) => sum + x * b[i], 0))));
}

/** F_d (points, rank) at the points of X (n, axes). */
export function cpFactors(parameters: Float64Array, x: Float64Array, shape: CpShape): Float64Array[] {
  const { axes } = shape;
  const { frequencies } = shape.network;
  const own = networkShape(shape);
  const part = partsOf(parameters, own);
  return Array.from({ length: axes }, (_, d) => {
    const rows = Array.from({ length: x.length / axes }, (__, i) => featuresOf(x[i * axes + d], frequencies));
    return Float64Array.from(rows.flatMap(h => [...network(part(d), h, own)]));
  });
}

/** dZ_i / dtheta for every point of X (n, axes), Z_i = scale sum_r prod_d f_d(X[i, d])_r, one network an axis. */
export function cpJacobian(parameters: Float64Array, x: Float64Array, shape: CpShape): Float64Array[] {
  const { axes, rank, scale } = shape;
  const { frequencies } = shape.network;
  const own = networkShape(shape);
  const part = partsOf(parameters, own);
  return Array.from({ length: x.length / axes }, (_, i) => {
    const input = Array.from({ length: axes }, (__, d) => featuresOf(x[i * axes + d], frequencies));
    const factors = input.map((h, d) => network(part(d), h, own));
    const gradients = input.map((h, d) => {
      const others = factors.filter((__, other) => other !== d);
      const cotangent = Float64Array.from({ length: rank }, (__, r) => others.reduce((p, f) => p * f[r], scale));
      return [...networkGradient(part(d), h, cotangent, own)];
    });
    return Float64Array.from(gradients.flat());
  });
}

/** The NTK of a CP model by its definition. */
export function modelNtk(parameters: Float64Array, x: Float64Array, shape: CpShape): Float64Array {
  return gramOf(cpJacobian(parameters, x, shape));
}

function networkShape({ rank, network: { width, depth, activation, omegas, frequencies } }: CpShape): NetworkShape {
  const inputs = Math.max(1, 2 * frequencies.length);
  return { inputs, width, outputs: rank, depth, name: activation, omegas };
}

/** The parameters of the network of each axis. */
function partsOf(parameters: Float64Array, shape: NetworkShape): (axis: number) => Float64Array {
  const count = layerShapes(shape).reduce((sum, [rows, columns]) => sum + rows * columns, 0);
  return axis => parameters.slice(axis * count, (axis + 1) * count);
}

function featuresOf(x: number, frequencies: readonly number[]): number[] {
  if (frequencies.length === 0) return [x];
  const phases = frequencies.map(b => 2 * Math.PI * b * x);
  return [...phases.map(Math.cos), ...phases.map(Math.sin)];
}
