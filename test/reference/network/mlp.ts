import type { CpShape } from '../tangent/ntk.js';
import { features } from './features.js';
import { layerShapes, type NetworkShape, network, networkGradient } from './network.js';

/** One network of all coordinates: no rank. */
export type MlpShape = Omit<CpShape, 'rank'>;

function shapeOf({ axes, network: { width, depth, activation, omegas, frequencies } }: MlpShape): NetworkShape {
  const inputs = frequencies.length === 0 ? axes : (2 * frequencies.length) / axes;
  return { inputs, width, outputs: 1, depth, name: activation, omegas };
}

export function mlpParameterCount(shape: MlpShape): number {
  return layerShapes(shapeOf(shape)).reduce((sum, [rows, columns]) => sum + rows * columns, 0);
}

/** The input of the network at every point of X (n, axes), without its 1. */
function inputsOf(x: Float64Array, { axes, network: { frequencies } }: MlpShape): Float64Array[] {
  const count = x.length / axes;
  const all = features(x, Float64Array.from(frequencies), axes);
  return Array.from({ length: count }, (_, i) =>
    all.slice((i * all.length) / count, ((i + 1) * all.length) / count - 1),
  );
}

/** scale f(x) at every point of X (n, axes). */
export function mlp(parameters: Float64Array, x: Float64Array, shape: MlpShape): Float64Array {
  return Float64Array.from(inputsOf(x, shape), h => shape.scale * network(parameters, h, shapeOf(shape))[0]);
}

/** d scale f(x_i) / dtheta for every point. */
export function mlpJacobian(parameters: Float64Array, x: Float64Array, shape: MlpShape): Float64Array[] {
  return inputsOf(x, shape).map(h => networkGradient(parameters, h, [shape.scale], shapeOf(shape)));
}
