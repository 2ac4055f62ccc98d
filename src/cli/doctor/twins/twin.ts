/**
 * A model in float64, written out point by point from the mathematics and differentiated by a tape: what a device's numbers
 * are held against. It takes from the engine what a model is, and nothing of how one is computed.
 */

import { coordinatesOf } from '../../../model/domain/domain.js';
import { type Model, networksOf } from '../../../model/model.js';
import { parametersOf } from '../../../model/parameters.js';
import { type Entry, Tape } from './tape.js';

/** a(omega z) and its derivative by z. */
type Activate = (omega: number, z: number) => readonly [value: number, slope: number];

export const activations: Readonly<Record<string, Activate>> = {
  sine: (w, z) => [Math.sin(w * z), w * Math.cos(w * z)],
  cosine: (w, z) => [Math.cos(w * z), -w * Math.sin(w * z)],
  relu: (w, z) => (w * z > 0 ? [w * z, w] : [0, 0]),
  'leaky-relu': (w, z) => (w * z > 0 ? [w * z, w] : [0.01 * w * z, 0.01 * w]),
  tanh: (w, z) => [Math.tanh(w * z), w * (1 - Math.tanh(w * z) ** 2)],
};

/** l(z, y) and its derivative by z. */
export const losses: Readonly<Record<string, (z: number, y: number) => readonly [loss: number, slope: number]>> = {
  'squared-error': (z, y) => [0.5 * (z - y) ** 2, z - y],
  'bce-with-logits': (z, y) => [
    Math.max(z, 0) - z * y + Math.log1p(Math.exp(-Math.abs(z))),
    1 / (1 + Math.exp(-z)) - y,
  ],
};

export interface Twin {
  readonly tape: Tape;
  /** All parameters, in the engine's order. */
  readonly parameters: readonly Entry[];
  /** Rows of every network's output, network by network: f(x_i). */
  readonly factors: readonly (readonly (readonly Entry[])[])[];
  /** The outputs of every member, in a host's order, written out when they are asked for. */
  outputs(): Entry[];
}

/** @param numbers of all parameters, row-major, in the engine's order. */
export function twinOf(model: Model, numbers: ArrayLike<number>): Twin {
  const tape = new Tape();
  const parameters = Array.from(numbers, number => tape.leaf(number));
  let at = 0;
  const tensors = parametersOf(model).map(parameter => {
    const size = parameter.shape.reduce((product, n) => product * n, 1);
    at += size;
    return { ...parameter, entries: parameters.slice(at - size, at) };
  });
  const { depth } = model.network;
  const factors = networksOf(model).map(({ axes }, network) => {
    const layers = tensors.slice(network * depth, (network + 1) * depth);
    const matrices = layers.map(({ entries, shape }) => rowsOf(entries, shape[1]));
    return pointsOf(model, axes).map(point => networkAt(tape, model, matrices, point));
  });
  const perMember = factors.length / model.members;
  const outputs = (member: number) => {
    const own = factors.slice(member * perMember, (member + 1) * perMember);
    const rest = tensors.filter(one => one.owner !== 'network' && one.member === member).map(({ entries }) => entries);
    const points = indicesOf(model).map(index => outputsAt(tape, model, own, rest, index));
    return Array.from({ length: model.readout.outputs }, (_, output) => points.map(point => point[output])).flat();
  };
  return {
    tape,
    parameters,
    factors,
    outputs: () => Array.from({ length: model.members }, (_, member) => outputs(member)).flat(),
  };
}

/** The sum of a loss over all points whose target is a number. */
export function lossOf(tape: Tape, outputs: readonly Entry[], loss: string, target: ArrayLike<number>): Entry {
  const terms = outputs.flatMap((output, i) => {
    const y = target[i];
    return Number.isNaN(y) ? [] : [tape.apply(output, z => losses[loss](z, y))];
  });
  return tape.sum(terms);
}

/** The coordinates of every point on which a network of these axes runs. */
function pointsOf({ domain }: Model, axes: readonly number[]): number[][] {
  const all = coordinatesOf(domain, axes);
  return Array.from({ length: all.length / axes.length }, (_, i) => [
    ...all.slice(i * axes.length, (i + 1) * axes.length),
  ]);
}

/** Which row of each network's output every point of the output is made of. */
function indicesOf({ domain, contraction }: Model): number[][] {
  const count = domain.shape.reduce((product, n) => product * n, 1);
  const networks = contraction.networks(domain.axes);
  return Array.from({ length: count }, (_, i) => {
    if (networks.length === 1 || !domain.isGrid) return networks.map(() => i);
    const index: number[] = [];
    let rest = i;
    for (const n of [...domain.shape].reverse()) {
      index.unshift(rest % n);
      rest = Math.floor(rest / n);
    }
    return index;
  });
}

function networkAt(
  tape: Tape,
  { network }: Model,
  layers: readonly (readonly (readonly Entry[])[])[],
  point: readonly number[],
): Entry[] {
  const one = tape.leaf(1);
  let row = featuresOf(network.frequencies, point).map(x => tape.leaf(x));
  layers.forEach((matrix, layer) => {
    const x = [...row, one];
    const z = matrix.map(weights => tape.dot(weights, x));
    const isLast = layer === layers.length - 1;
    row = isLast
      ? z
      : z.map(x => tape.apply(x, value => activations[network.activation.name](network.omegas[layer], value)));
  });
  return row;
}

/** cos 2 pi b x for every row b, then the sines; without frequencies the coordinates themselves. In float32, as the device has them. */
function featuresOf(frequencies: readonly number[], point: readonly number[]): number[] {
  const rounded = point.map(Math.fround);
  const angles = Array.from({ length: frequencies.length / point.length }, (_, row) =>
    rounded.reduce((sum, x, d) => sum + 2 * Math.PI * Math.fround(frequencies[row * point.length + d]) * x, 0),
  );
  return angles.length === 0 ? rounded : [...angles.map(Math.cos), ...angles.map(Math.sin)];
}

/** W x of a matrix in rows as long as x. */
function applied(tape: Tape, matrix: readonly Entry[], x: readonly Entry[]): Entry[] {
  return rowsOf(matrix, x.length).map(row => tape.dot(row, x));
}

function rowsOf(matrix: readonly Entry[], columns: number): Entry[][] {
  return Array.from({ length: matrix.length / columns }, (_, row) => matrix.slice(row * columns, (row + 1) * columns));
}

/** What the model gives at a point, from the rows of its networks there. */
function outputsAt(
  tape: Tape,
  { contraction, readout }: Model,
  factors: readonly (readonly (readonly Entry[])[])[],
  own: readonly (readonly Entry[])[],
  index: readonly number[],
): Entry[] {
  const { scale = 1, ranks } = contraction.settings as { scale?: number; ranks?: number | readonly number[] };
  const rows = index.map((i, network) => factors[network][i]);
  const times = (x: Entry) => tape.apply(x, value => [scale * value, scale]);
  switch (contraction.name) {
    case 'joint-network':
      return [times(rows[0][0])];
    case 'tensor-train': {
      let left: Entry[] = [tape.leaf(1)];
      for (const row of rows) {
        const wide = row.length / left.length;
        left = Array.from({ length: wide }, (_, s) =>
          tape.dot(
            left,
            left.map((__, r) => row[r * wide + s]),
          ),
        );
      }
      return [times(left[0])];
    }
    case 'tucker': {
      // The core is contracted axis by axis from the last.
      let core = own[0];
      for (const row of [...rows].reverse()) core = applied(tape, core, row);
      return [times(core[0])];
    }
    default: {
      if (ranks !== undefined) throw new Error(`no twin is written for ${contraction.name}`);
      const multiplied = (some: typeof rows) => some.reduce((all, row) => all.map((x, r) => tape.multiply(x, row[r])));
      if (readout.name === 'identity') return [tape.dot(multiplied(rows.slice(0, -1)), rows[rows.length - 1], scale)];
      const products = multiplied(rows);
      if (readout.name === 'mixing') return applied(tape, own[0], products).map(times);
      const [first, last] = own;
      const one = tape.leaf(1);
      const { activation } = readout.settings as { activation: string };
      const wide = products.length + 1;
      const hidden = Array.from({ length: first.length / wide }, (_, h) => {
        const row = first.slice(h * wide, (h + 1) * wide);
        const z = tape.sum([times(tape.dot(row, products)), row[wide - 1]]);
        return tape.apply(z, value => activations[activation](1, value));
      });
      return applied(tape, last, [...hidden, one]);
    }
  }
}
