/**
 * A small network between the contraction and the output: of the R products p_r of a number from each factor matrix,
 * Z = W_1 a(W_0 p + b_0) + b_1 at every point, its layers trained beside the networks. The products are made as they are
 * multiplied, and are never stored; the hidden units are, between the forward pass and its VJP.
 */

import type { Shape } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { requireCount, requireOptions, shown } from '../../host/checks.js';
import type { Random } from '../../host/random.js';
import { mttkrpOfMany } from '../../ops/contraction/mttkrpOfMany.js';
import { pieces } from '../../ops/elementwise/pieces.js';
import { decode } from '../../ops/readout/decode.js';
import { type Activation, relu } from '../activation.js';
import { type Architecture, inputsOf, weightBound } from '../architecture.js';
import type { Readout } from './readout.js';

export interface DecoderOptions {
  /** Hidden units. */
  readonly hidden: number;
  /** 1 by default. Members are models fitted apart, each with a decoder; outputs are those of one model. */
  readonly outputs?: number;
  /** `relu` by default; its omega is 1. */
  readonly activation?: Activation;
}

const known = { hidden: true, outputs: true, activation: true } as const;

/** @throws InputError naming what is out of range, its value and what would do. */
export function decoder(options: DecoderOptions): Readout {
  requireOptions('decoder', options, known);
  const { hidden, outputs = 1, activation = relu } = options;
  requireCount('hidden', hidden, 1, 4096);
  requireCount('outputs', outputs, 1, 4096);
  if (typeof activation?.text?.source !== 'string') {
    throw new InputError(`activation: ${shown(activation)} is none: use relu, sine or another Activation of sepnn`);
  }
  return {
    name: 'decoder',
    settings: { hidden, outputs, activation: activation.name },
    outputs,
    hidden,
    linear: false,
    parameters: {
      layers: true,
      shapes: products => layerShapes(hidden, outputs, requireProducts(products)),
      initial: (products, random, network, axes) => {
        const shapes = Object.values(layerShapes(hidden, outputs, requireProducts(products)));
        return initialLayers(shapes, productDeviation(network, axes), random);
      },
    },
    output: (contracted, layers) => {
      if (!layers) throw new InputError('decoder: its layers are missing');
      const matrices = layers.layout.parts.flatMap(({ shape: [, columns] }, part) =>
        part % 2 === 0 ? [{ part, columns: [0, columns - 1] as const }] : [],
      );
      return decode(contracted.mix(pieces([layers], matrices), { gradient: mttkrpOfMany }), layers, { activation });
    },
  };
}

function requireProducts(products: number | undefined): number {
  if (products !== undefined) return products;
  throw new InputError('decoder: takes a contraction that sums products at each point: use cp on a grid');
}

function layerShapes(hidden: number, outputs: number, products: number) {
  return { 'decoder.layer0': [hidden, products + 1], 'decoder.layer1': [outputs, hidden + 1] } as const;
}

/**
 * [W | b] of both layers: W as He et al. (2015) have it for ReLU, U(-1, 1) sqrt(6 / inputs), and b = 0. W_0 is that for
 * products of variance 1, whose deviation it is divided by: it is some thousandths in a network of sines. W_1 is a tenth of
 * it, so that the output begins small.
 */
function initialLayers([first, second]: readonly Shape[], deviation: number, random: Random): Float32Array {
  const layer = ([rows, columns]: Shape, factor: number) => {
    const bound = factor * Math.sqrt(6 / (columns - 1));
    return Array.from({ length: rows * columns }, (_, i) =>
      i % columns === columns - 1 ? 0 : random.uniform(-bound, bound),
    );
  };
  return Float32Array.from([...layer(first, 1 / deviation), ...layer(second, 0.1)]);
}

/** About that of a product of a number from each factor matrix, without c, where the networks have their initial values. */
function productDeviation(network: Architecture, axes: number): number {
  const { depth, width, activation, omegas, frequencies } = network;
  let square = frequencies.length > 0 ? 1 / 2 : 1 / 3; // of an input: coordinates are spread over -1 to 1
  let variance = 0;
  for (let layer = 0; layer < depth; layer++) {
    const inputs = layer === 0 ? inputsOf(network) : width;
    variance = (inputs * square * weightBound(network, layer, inputs) ** 2 + 1 / inputs) / 3;
    square = activation.periodic ? 1 / 2 : (variance * (omegas[layer] ?? 1) ** 2) / 2;
  }
  return variance ** (axes / 2);
}
