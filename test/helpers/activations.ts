/** The activations that ship, beside the names by which the float64 twins know them. */

import { type Activation, cosine, leakyRelu, relu, sine, tanh } from '../../src/model/activation.js';
import type { Architecture } from '../../src/model/architecture.js';
import { type ActivationName, activationNames } from '../reference/network/activation.js';

export const activationOf: Readonly<Record<ActivationName, Activation>> = {
  sine,
  cosine,
  relu,
  'leaky-relu': leakyRelu,
  tanh,
};

/** The architecture of a model's networks as the twins take it. */
export function twinArchitecture(
  network: Architecture,
): Omit<Architecture, 'activation'> & { activation: ActivationName } {
  const activation = activationNames.find(name => activationOf[name] === network.activation);
  if (activation === undefined) throw new Error(`the twins have no activation ${network.activation.name}`);
  return { ...network, activation };
}
