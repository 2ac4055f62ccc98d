/** The architecture that a model's networks share, and their initial parameters. */

import type { Shape } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { requireCount, requireNumber, requireOptions, shown } from '../host/checks.js';
import type { Random } from '../host/random.js';
import { type NetworkAttributes, parameterShapes } from '../ops/network/factorNetwork.js';
import { type Activation, sine } from './activation.js';

/** What the networks of a model share, checked; `architecture` makes it. */
export interface Architecture extends NetworkAttributes {
  readonly activation: Activation;
  /**
   * Fourier frequencies B, (m, D) row by row for networks of D coordinates, 1 for factor networks: the input becomes
   * (cos 2 pi B x, sin 2 pi B x). Empty for plain coordinates.
   */
  readonly frequencies: readonly number[];
}

/** Size, activation and encoding of coordinates of the networks. */
export interface ArchitectureOptions {
  /** Units of each hidden layer, from 1 to 65536. */
  readonly width: number;
  /**
   * Linear layers, from 1 to 64, 3 by default; with 1 the factors are linear in the input, such as series of given
   * `frequencies`.
   */
  readonly depth?: number;
  /** `sine` by default. */
  readonly activation?: Activation;
  /**
   * The factor in a(omega z), for all hidden layers or one each, of a size above 0 and up to 10000; 30 for sine and
   * cosine by default, else 1.
   */
  readonly omega?: number | readonly number[];
  /** Fourier frequencies B, (m, D) row by row, such as `fourierSeries` gives; none by default, for plain coordinates. */
  readonly frequencies?: readonly number[];
}

const known = { width: true, depth: true, activation: true, omega: true, frequencies: true } as const;

/**
 * The network that every axis of a model has: `depth` linear layers, a(omega z) after all but the last.
 *
 * @throws InputError naming the option that is out of range, its value and what would do.
 */
export function architecture(options: ArchitectureOptions): Architecture {
  requireOptions('architecture', options, known);
  const { width, depth = 3, activation = sine, frequencies = [] } = options;
  requireCount('width', width, 1, 65_536);
  requireCount('depth', depth, 1, 64);
  if (typeof activation?.text?.source !== 'string') {
    throw new InputError(`activation: ${shown(activation)} is none: use sine, relu or another Activation of sepnn`);
  }
  const { omega = activation.periodic ? 30 : 1 } = options;
  const omegas = typeof omega === 'number' ? Array<number>(depth - 1).fill(omega) : [...omega];
  if (omegas.length !== depth - 1) {
    throw new InputError(`omega: ${omegas.length} numbers for ${depth - 1} hidden layers: give one, or one per layer`);
  }
  for (const value of omegas) {
    if (!(Math.abs(value) > 0 && Math.abs(value) <= 1e4)) {
      throw new InputError(`omega: ${shown(value)}: use a number from above 0 to 10000`);
    }
  }
  for (const value of frequencies) requireNumber('frequencies', value);
  return { width, depth, activation, omegas, frequencies };
}

/** Numbers that enter the first layer of a network of so many coordinates per point. */
export function inputsOf({ frequencies }: Architecture, coordinates = 1): number {
  return frequencies.length === 0 ? coordinates : (2 * frequencies.length) / coordinates;
}

/** Axes of [W | b] of every layer of a network of so many outputs, and coordinates per point. */
export function shapesOf(network: Architecture, outputs: number, coordinates = 1): Shape[] {
  return parameterShapes(inputsOf(network, coordinates), outputs, network);
}

/**
 * Initial [W | b] of one network, layer by layer, row-major.
 *
 * Sine and cosine (Sitzmann et al. 2020, section 3.2): the first layer's weights U(-1, 1) / inputs, all others
 * U(-1, 1) sqrt(6 / width) / omega. Others as PyTorch's Linear: U(-1, 1) / sqrt(inputs). Biases always so.
 */
export function initialise(network: Architecture, outputs: number, random: Random, coordinates = 1): Float32Array {
  const values: number[] = [];
  shapesOf(network, outputs, coordinates).forEach(([rows, columns], layer) => {
    const fanIn = columns - 1;
    const bound = weightBound(network, layer, fanIn);
    const biasBound = 1 / Math.sqrt(fanIn);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < fanIn; column++) values.push(random.uniform(-bound, bound));
      values.push(random.uniform(-biasBound, biasBound));
    }
  });
  return Float32Array.from(values);
}

/** b of the initial weights U(-b, b) of a layer with so many inputs. */
export function weightBound({ activation, omegas }: Architecture, layer: number, fanIn: number): number {
  if (!activation.periodic) return 1 / Math.sqrt(fanIn);
  if (layer === 0) return 1 / fanIn;
  // The output layer has no omega of its own: it follows the last hidden one.
  return Math.sqrt(6 / fanIn) / Math.abs(omegas[Math.min(layer, omegas.length - 1)]);
}
