/**
 * A small network between the contraction and the output: of the R products p_r of a number from each factor matrix,
 * Z = W_1 a(W_0 p + b_0) + b_1 at every point, its layers trained beside the networks. The products are made as they are
 * multiplied, and are never stored; the hidden units are, between the forward pass and its VJP.
 */

import type { Shape } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { joined } from '../../host/arrays.js';
import { requireCount, requireNumber, requireOptions, shown } from '../../host/checks.js';
import type { Random } from '../../host/random.js';
import { mttkrpByTree } from '../../ops/contraction/dimensionTree.js';
import { pieces } from '../../ops/elementwise/pieces.js';
import { decode } from '../../ops/readout/decode.js';
import { type Activation, relu } from '../activation.js';
import type { Readout } from './readout.js';

/** Size, activation and first outputs of a decoder. */
export interface DecoderOptions {
  /** H, units of the hidden layer, from 1 to 4096. */
  readonly hidden: number;
  /**
   * Numbers of a point, from 1 to 4096, 1 by default. Members are models fitted apart, each with a decoder; outputs are
   * those of one model.
   */
  readonly outputs?: number;
  /** `relu` by default; its omega is 1. */
  readonly activation?: Activation;
  /**
   * What each output is at first, the bias of the last layer: of a photograph the means of its channels, which Adam would
   * otherwise spend its first steps on. 0 by default. It is no setting of the model: what is trained takes its place.
   */
  readonly bias?: readonly number[];
}

const known = { hidden: true, outputs: true, activation: true, bias: true } as const;

/**
 * A small trained network at every point, W_1 a(W_0 p + b_0) + b_1 of the R products p of a CP model.
 *
 * @throws InputError naming what is out of range, its value and what would do.
 */
export function decoder(options: DecoderOptions): Readout {
  requireOptions('decoder', options, known);
  const { hidden, outputs = 1, activation = relu, bias = [] } = options;
  requireCount('hidden', hidden, 1, 4096);
  requireCount('outputs', outputs, 1, 4096);
  if (typeof activation?.text?.source !== 'string') {
    throw new InputError(`activation: ${shown(activation)} is none: use relu, sine or another Activation of sepnn`);
  }
  for (const value of bias) requireNumber('bias', value);
  if (bias.length !== 0 && bias.length !== outputs) {
    throw new InputError(`bias: ${bias.length} numbers for ${outputs} outputs: give one for each, or leave it out`);
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
      initial: (products, random) => {
        const { 'decoder.layer0': first, 'decoder.layer1': last } = layerShapes(
          hidden,
          outputs,
          requireProducts(products),
        );
        return joined([initialHidden(first, activation.periodic, random), initialLast(last, bias, random)]);
      },
    },
    output: (contracted, layers) => {
      if (!layers) throw new InputError('decoder: its layers are missing');
      const matrices = layers.layout.parts.flatMap(({ shape: [, columns] }, part) =>
        part % 2 === 0 ? [{ part, columns: [0, columns - 1] as const }] : [],
      );
      return decode(contracted.mix(pieces([layers], matrices), { gradient: mttkrpByTree }), layers, { activation });
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
 * [W | b] of the hidden layer: W = U(-1, 1) sqrt(6 / R) (He et al. 2015) and b = 0, or phases b = U(-sqrt 3, sqrt 3) where
 * the activation is periodic: of an odd function alone the products could make no even one. W is not divided by the
 * products' deviation: steps of Muon are of one size, which would be nothing beside a large W.
 */
function initialHidden(shape: Shape, periodic: boolean, random: Random): Float32Array {
  const phase = () => (periodic ? random.uniform(-Math.sqrt(3), Math.sqrt(3)) : 0);
  return initialLayer(shape, Math.sqrt(6 / (shape[1] - 1)), phase, random);
}

/**
 * And of the last: half of what PyTorch's Linear has, U(-1, 1) / (2 sqrt H), since Adam's steps are of one size too and
 * start from little: 37 dB and not 28 after 200 steps at 192 x 128, R = 60, H = 32, sine.
 */
function initialLast(shape: Shape, bias: readonly number[], random: Random): Float32Array {
  return initialLayer(shape, 0.5 / Math.sqrt(shape[1] - 1), row => bias[row] ?? 0, random);
}

function initialLayer(
  [rows, columns]: Shape,
  bound: number,
  bias: (row: number) => number,
  random: Random,
): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) =>
    i % columns === columns - 1 ? bias(Math.floor(i / columns)) : random.uniform(-bound, bound),
  );
}
