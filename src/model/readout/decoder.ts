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
      initial: (products, random) =>
        initialLayers(
          Object.values(layerShapes(hidden, outputs, requireProducts(products))),
          activation.periodic,
          random,
        ),
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
 * [W | b] of both layers. The hidden one has W = U(-1, 1) sqrt(6 / R) (He et al. 2015) and b = 0, or phases
 * b = U(-sqrt 3, sqrt 3) where the activation is periodic: of an odd function alone the products could make no even one.
 * The last has half of what PyTorch's Linear has, U(-1, 1) / (2 sqrt H), and b = 0, since Adam's steps are of one size too and
 * start from little: 37 dB and not 28 after 200 steps at 192 x 128, R = 60, H = 32, sine. W_0 is
 * not divided by the products' deviation: steps of Muon are of one size, which would be nothing beside a large W_0.
 */
function initialLayers([hidden, last]: readonly Shape[], periodic: boolean, random: Random): Float32Array {
  const drawn = ([rows, columns]: Shape, weightBound: number, biasBound: number) =>
    Array.from({ length: rows * columns }, (_, i) => {
      const bound = i % columns === columns - 1 ? biasBound : weightBound;
      return bound === 0 ? 0 : random.uniform(-bound, bound);
    });
  return Float32Array.from([
    ...drawn(hidden, Math.sqrt(6 / (hidden[1] - 1)), periodic ? Math.sqrt(3) : 0),
    ...drawn(last, 0.5 / Math.sqrt(last[1] - 1), 0),
  ]);
}
