/** Occupancies from a sine network that is a signed distance function, as PyTorch saves one. */

import { unzipSync } from 'fflate';
import { InputError } from '../src/errors.js';
import type { VoxelGrid } from '../src/geometry/fill.js';
import type { Engine } from '../src/graph/engine.js';
import { sine } from '../src/model/activation.js';
import { factorNetwork } from '../src/ops/network/factorNetwork.js';

/** W, (outputs, inputs), row-major, and b, (outputs), of h -> W h + b. */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/**
 * The layers of a file of torch.save: a zip with the numbers of each tensor in an entry data/0, data/1, ... in the order
 * W, b of the first layer, W, b of the next. Their sizes tell the shapes; the pickle beside them is not read.
 *
 * @throws InputError a file that is no such zip, or tensors that are no chain of layers from `inputs` numbers.
 */
export function torchLayers(path: string, bytes: Uint8Array, inputs: number): Layer[] {
  const fail = (what: string): never => {
    throw new InputError(`network ${path}: ${what}: give a file of torch.save with weights and biases in float32`);
  };
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, { filter: ({ name }) => /\/data\/\d+$/.test(name) });
  } catch (error) {
    return fail(`is no zip (${(error as Error).message})`);
  }
  const tensors = Object.entries(entries)
    .map(([name, data]) => ({ number: Number(/\d+$/.exec(name)?.[0]), data }))
    .sort((a, b) => a.number - b.number)
    .map(({ data }) => new Float32Array(data.slice().buffer, 0, Math.floor(data.length / 4)));
  if (tensors.length < 4 || tensors.length % 2 === 1) fail(`holds ${tensors.length} tensors, no pairs of two layers`);
  const layers: Layer[] = [];
  for (let at = 0; at < tensors.length; at += 2) {
    const [weights, bias] = [tensors[at], tensors[at + 1]];
    const before = layers.at(-1)?.outputs ?? inputs;
    if (weights.length !== before * bias.length || bias.length === 0) {
      fail(`layer ${at / 2} has ${weights.length} weights and ${bias.length} biases for ${before} inputs`);
    }
    layers.push({ inputs: before, outputs: bias.length, weights, bias });
  }
  return layers;
}

/** Points evaluated at once. */
const batch = 16_384;

/**
 * 1 where the network, sin(omega (W h + b)) but for the last layer, is below 0.
 *
 * @param layers of one width from 3 inputs to 1 output. @returns (n_1, n_2, n_3), row-major.
 */
export async function insideOf(
  engine: Engine,
  layers: readonly Layer[],
  omega: number,
  { shape, origin, spacing }: VoxelGrid,
): Promise<Uint8Array> {
  const parameters = engine.stack(
    layers.map(({ inputs, outputs }) => [outputs, inputs + 1]),
    layers.flatMap(({ inputs, outputs, weights, bias }) =>
      Array.from({ length: outputs }, (_, row) => [
        ...weights.subarray(row * inputs, (row + 1) * inputs),
        bias[row],
      ]).flat(),
    ),
  );
  const points = engine.stack([[batch, 4]]);
  const attributes = {
    depth: layers.length,
    width: layers[0].outputs,
    activation: sine,
    omegas: Array<number>(layers.length - 1).fill(omega),
  } as const;
  const plan = await engine.compile(graph => ({
    distance: factorNetwork(graph.read(parameters), graph.read(points), attributes).factors,
  }));
  const [, columns, depth] = shape;
  const inside = new Uint8Array(shape.reduce((product, n) => product * n, 1));
  const coordinates = new Float32Array(4 * batch).fill(1); // the last of each four: the inputs are homogeneous
  for (let first = 0; first < inside.length; first += batch) {
    for (let i = 0; i < batch; i++) {
      const at = first + i;
      const index = [Math.floor(at / depth / columns), Math.floor(at / depth) % columns, at % depth];
      for (let axis = 0; axis < 3; axis++) coordinates[4 * i + axis] = origin[axis] + spacing * index[axis];
    }
    points.write(coordinates);
    await plan.run();
    const distances = await plan.outputs.distance.read();
    for (let i = 0; i < Math.min(batch, inside.length - first); i++) inside[first + i] = distances[i] < 0 ? 1 : 0;
  }
  plan.dispose();
  parameters.dispose();
  points.dispose();
  return inside;
}

/** The largest set of points inside that are neighbours of each other along the axes. */
export function largestComponent(inside: Uint8Array, [rows, columns, layers]: readonly number[]): Uint8Array {
  const numbers = new Uint32Array(inside.length); // of the component, from 1; 0 where none yet
  const sizes = [0];
  const open: number[] = [];
  const visit = (at: number, isThere: boolean) => {
    if (!isThere || inside[at] === 0 || numbers[at] !== 0) return;
    numbers[at] = sizes.length - 1;
    sizes[sizes.length - 1]++;
    open.push(at);
  };
  for (let start = 0; start < inside.length; start++) {
    if (inside[start] === 0 || numbers[start] !== 0) continue;
    sizes.push(0);
    visit(start, true);
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const [i, j, k] = [Math.floor(at / layers / columns), Math.floor(at / layers) % columns, at % layers];
      visit(at - columns * layers, i > 0);
      visit(at + columns * layers, i < rows - 1);
      visit(at - layers, j > 0);
      visit(at + layers, j < columns - 1);
      visit(at - 1, k > 0);
      visit(at + 1, k < layers - 1);
    }
  }
  const largest = sizes.indexOf(Math.max(...sizes.slice(1), 0), 1);
  return inside.map((one, at) => (one === 1 && numbers[at] === largest ? 1 : 0));
}
