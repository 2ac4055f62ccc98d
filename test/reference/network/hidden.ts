import { type ActivationName, activation, slope } from './activation.js';

/** One hidden layer: H (n, inputs + 1) with its column of ones, W (outputs, inputs + 1) with its column of biases. */
export function hidden(
  h: Float64Array,
  w: Float64Array,
  points: number,
  inputs: number,
  outputs: number,
  name: ActivationName,
  omega: number,
): { result: Float64Array; derivative: Float64Array } {
  const result = new Float64Array(points * (outputs + 1));
  const derivative = new Float64Array(points * outputs);
  for (let i = 0; i < points; i++) {
    for (let j = 0; j < outputs; j++) {
      let z = 0;
      for (let u = 0; u <= inputs; u++) z += h[i * (inputs + 1) + u] * w[j * (inputs + 1) + u];
      result[i * (outputs + 1) + j] = activation(name, omega, z);
      derivative[i * outputs + j] = slope(name, omega, z);
    }
    result[i * (outputs + 1) + outputs] = 1;
  }
  return { result, derivative };
}
