/** The activations that ship. One of a host's own is a value of the same kind. */

import type { SlotText } from '../kernel/kernel.js';
import * as texts from '../wgsl/activation.js';

/** Of a pair (u, v) of normal numbers of mean 0. */
export interface Covariance {
  /** Var u. */
  readonly uu: number;
  /** Var v. */
  readonly vv: number;
  /** Cov(u, v). */
  readonly uv: number;
}

/**
 * The dual of an activation and that of its derivative (Daniely, Frostig and Singer 2016), at normal u and v of mean 0.
 */
export interface Dual {
  /** E[a(u) a(v)]. */
  readonly values: number;
  /** E[a'(u) a'(v)]. */
  readonly slopes: number;
}

/** An activation where networks are infinitely wide. */
export interface WideActivation {
  /** Both expectations for a at omega = 1: whoever asks has put omega^2 into the covariance. */
  dual(covariance: Covariance): Dual;
  /** sigma^2 of its layers in the NTK parameterisation: 2 where it halves the variance, or nearly, else 1. */
  readonly layerVariance: number;
}

/** What stands between the layers of a network, a(omega z) pointwise: `sine` and others, or a host's own. */
export interface Activation {
  /** By which a model file names it. */
  readonly name: string;
  /** WGSL that defines `fn activate(omega: f32, z: f32) -> vec2f`, the pair of a(omega z) and its derivative by z. */
  readonly text: SlotText;
  /**
   * Whether initial weights are those of periodic activations (Sitzmann et al. 2020), and omega 30 by default instead
   * of 1.
   */
  readonly periodic: boolean;
  /** What the limit of infinite width takes, which is not offered without; `ntk` has it of those that ship. */
  readonly wide?: WideActivation;
  /**
   * WGSL that defines `fn activationDerivatives(omega: f32, z: f32) -> array<f32, 6>`, a(omega z) and its derivatives by z
   * up to the fifth. Networks that carry jets take it; `pde/activationDerivatives.ts` has it of those that ship and are smooth.
   */
  readonly derivatives?: SlotText;
}

/** sin(omega z). */
export const sine: Activation = { name: 'sine', text: texts.sine, periodic: true };
/** cos(omega z). */
export const cosine: Activation = { name: 'cosine', text: texts.cosine, periodic: true };
/** max(omega z, 0). */
export const relu: Activation = { name: 'relu', text: texts.relu, periodic: false };
/** omega z above 0, and 0.01 omega z below. */
export const leakyRelu: Activation = { name: 'leaky-relu', text: texts.leakyRelu, periodic: false };
/** tanh(omega z). */
export const tanh: Activation = { name: 'tanh', text: texts.tanh, periodic: false };
