/** The factor networks of a problem: one for each field and axis, and their initial parameters. */

import type { Shape } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { requireCount, requireFlag, requireOptions } from '../host/checks.js';
import { Random } from '../host/random.js';
import { type Activation, tanh } from '../model/activation.js';
import {
  type Architecture,
  type ArchitectureOptions,
  architecture,
  inputsOf,
  weightBound,
} from '../model/architecture.js';
import type { Parameter } from '../model/parameters.js';
import { type JetAttributes, jetParameterShapes } from '../ops/network/jetNetwork.js';
import { activationDerivatives } from './activationDerivatives.js';
import type { Problem } from './problem.js';

/** What the networks of a problem share, checked; `jetArchitecture` makes it. */
export interface JetArchitecture extends Architecture {
  /** R of the CP model that each field is. */
  readonly rank: number;
  /** Whether hidden layers after the first are gated (Wang, Teng and Perdikaris 2021, section 2.6). */
  readonly gated: boolean;
}

/** Size and activation of a problem's networks. */
export interface JetArchitectureOptions extends ArchitectureOptions {
  /** Linear layers, from 1 to 64, or from 3 where networks are gated; 4 by default. */
  readonly depth?: number;
  /** A smooth one, `tanh` by default: `sine`, `cosine`, or another that has `derivatives`. */
  readonly activation?: Activation;
  /** R of the CP model that each field is, from 1 to 65536; 32 by default. */
  readonly rank?: number;
  /**
   * Whether hidden layers after the first are gated (Wang, Teng and Perdikaris 2021, section 2.6), which takes a depth
   * of 3 or more; false by default.
   */
  readonly gated?: boolean;
}

const known = {
  width: true,
  depth: true,
  activation: true,
  omega: true,
  frequencies: true,
  rank: true,
  gated: true,
} as const;

/** Networks for a problem: `tanh` and 4 linear layers by default. @throws InputError an option out of range. */
export function jetArchitecture(options: JetArchitectureOptions): JetArchitecture {
  requireOptions('jetArchitecture', options, known);
  const { rank = 32, gated = false, ...ofNetwork } = options;
  requireCount('rank', rank, 1, 65_536);
  requireFlag('gated', gated);
  const network = architecture({ depth: 4, activation: tanh, ...ofNetwork });
  activationDerivatives(network.activation); // refuses one that is not smooth
  if (gated && network.depth < 3) throw new InputError(`depth: ${network.depth}: gated networks have 3 layers or more`);
  return { ...network, rank, gated };
}

/** Columns of a network's homogeneous input. */
export function inputColumns(network: JetArchitecture): number {
  return inputsOf(network) + 1;
}

/** Columns of what a network's last layer takes: W + 1, or the inputs and 1 where there is no layer before it. */
export function featureColumns(network: JetArchitecture): number {
  return network.depth === 1 ? inputColumns(network) : network.width + 1;
}

/** @param orders the highest derivative that each network carries. */
export function jetAttributes(network: JetArchitecture, orders: readonly number[]): JetAttributes {
  const { depth, width, omegas, gated, activation } = network;
  return { depth, width, omegas, gated, orders, derivatives: activationDerivatives(activation) };
}

/** Axes of every matrix [W | b], network by network: see `jetParameterShapes`. */
export function problemParameterShapes(problem: Problem, network: JetArchitecture): Shape[] {
  return networkNames(problem).flatMap(() => matricesOf(network));
}

function matricesOf(network: JetArchitecture): Shape[] {
  return jetParameterShapes(inputsOf(network), network.rank, network);
}

function networkNames({ fields, axes }: Problem): string[] {
  return fields.flatMap(field => Object.keys(axes).map(axis => `${field}.${axis}`));
}

/** The parameters by name, as an optimiser takes them: the matrices of a gate are no layers. */
export function problemParameters(problem: Problem, network: JetArchitecture): Parameter[] {
  const { depth } = network;
  const axes = Object.keys(problem.axes).length;
  return networkNames(problem).flatMap((own, i) =>
    matricesOf(network).map((shape, matrix): Parameter => {
      const member = Math.floor(i / axes);
      if (matrix >= depth) return { name: `${own}.${matrix === depth ? 'U' : 'V'}`, shape, owner: 'network', member };
      const place = { network: i % axes, layer: matrix, depth };
      return { name: `${own}.layer${matrix}`, shape, owner: 'network', member, place };
    }),
  );
}

/**
 * Initial parameters. Sine and cosine start as in `initialise`; others with normal weights of variance
 * 2 / (inputs + outputs) and biases of 0 (Glorot and Bengio 2010).
 */
export function initialProblemParameters(problem: Problem, network: JetArchitecture, seed: number): Float32Array {
  const random = new Random(seed);
  const values: number[] = [];
  for (const { shape, place } of problemParameters(problem, network)) {
    const [rows, columns] = shape;
    const fanIn = columns - 1;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < fanIn; column++)
        values.push(weight(network, random, place?.layer ?? 0, fanIn, rows));
      const bound = 1 / Math.sqrt(fanIn);
      values.push(network.activation.periodic ? random.uniform(-bound, bound) : 0);
    }
  }
  return Float32Array.from(values);
}

function weight(network: JetArchitecture, random: Random, layer: number, fanIn: number, fanOut: number): number {
  if (!network.activation.periodic) return random.normal() * Math.sqrt(2 / (fanIn + fanOut));
  const bound = weightBound(network, layer, fanIn);
  return random.uniform(-bound, bound);
}
