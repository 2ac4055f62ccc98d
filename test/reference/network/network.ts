import { activation, slope, type TwinActivation } from './activation.js';

export interface NetworkShape {
  readonly inputs: number;
  readonly width: number;
  readonly outputs: number;
  readonly depth: number;
  readonly name: TwinActivation;
  readonly omegas: readonly number[];
}

/** [W | b] of every layer of one network. */
export function layerShapes({ inputs, width, outputs, depth }: NetworkShape): [number, number][] {
  return Array.from({ length: depth }, (_, l) => [l === depth - 1 ? outputs : width, (l === 0 ? inputs : width) + 1]);
}

/** f(x) for one input without its 1, from all parameters of the network behind each other. */
export function network(parameters: Float64Array, input: ArrayLike<number>, shape: NetworkShape): Float64Array {
  let h = Float64Array.from({ length: input.length }, (_, i) => input[i]);
  let at = 0;
  layerShapes(shape).forEach(([rows, columns], layer) => {
    const next = new Float64Array(rows);
    for (let i = 0; i < rows; i++) {
      let z = parameters[at + i * columns + columns - 1];
      for (let j = 0; j < columns - 1; j++) z += parameters[at + i * columns + j] * h[j];
      next[i] = layer === shape.depth - 1 ? z : activation(shape.name, shape.omegas[layer], z);
    }
    at += rows * columns;
    h = next;
  });
  return h;
}

/** d <cotangent, f(x)> / d parameters for one input, by back-propagation. */
export function networkGradient(
  parameters: Float64Array,
  input: ArrayLike<number>,
  cotangent: ArrayLike<number>,
  shape: NetworkShape,
): Float64Array {
  const shapes = layerShapes(shape);
  const starts: number[] = [];
  shapes.reduce((at, [rows, columns]) => {
    starts.push(at);
    return at + rows * columns;
  }, 0);
  const inputs: Float64Array[] = [Float64Array.from({ length: input.length }, (_, i) => input[i])];
  const slopes: Float64Array[] = [];
  shapes.slice(0, -1).forEach(([rows, columns], layer) => {
    const z = new Float64Array(rows);
    for (let i = 0; i < rows; i++) {
      z[i] = parameters[starts[layer] + i * columns + columns - 1];
      for (let j = 0; j < columns - 1; j++) z[i] += parameters[starts[layer] + i * columns + j] * inputs[layer][j];
    }
    inputs.push(z.map(x => activation(shape.name, shape.omegas[layer], x)));
    slopes.push(z.map(x => slope(shape.name, shape.omegas[layer], x)));
  });
  const gradient = new Float64Array(parameters.length);
  let d = Float64Array.from({ length: cotangent.length }, (_, i) => cotangent[i]);
  for (let layer = shape.depth - 1; layer >= 0; layer--) {
    const [rows, columns] = shapes[layer];
    const below = new Float64Array(columns - 1);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns - 1; j++) {
        gradient[starts[layer] + i * columns + j] = d[i] * inputs[layer][j];
        below[j] += d[i] * parameters[starts[layer] + i * columns + j];
      }
      gradient[starts[layer] + i * columns + columns - 1] = d[i];
    }
    if (layer > 0) d = below.map((x, j) => x * slopes[layer - 1][j]);
  }
  return gradient;
}

/** The pseudo-NTK by its definition: K[i, j] = <grad sum_r f(x_i)_r, grad sum_r f(x_j)_r>. */
export function tangentKernel(parameters: Float64Array, points: readonly ArrayLike<number>[], shape: NetworkShape) {
  const ones = new Float64Array(shape.outputs).fill(1);
  const gradients = points.map(x => networkGradient(parameters, x, ones, shape));
  return Float64Array.from(gradients.flatMap(a => gradients.map(b => a.reduce((sum, x, i) => sum + x * b[i], 0))));
}
