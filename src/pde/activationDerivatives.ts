/** What networks take that carry jets: the higher derivatives of their activations. */

import { InputError } from '../errors.js';
import type { SlotText } from '../kernel/kernel.js';
import { type Activation, cosine, sine, tanh } from '../model/activation.js';
import * as texts from '../wgsl/derivatives.js';

const shipped: ReadonlyMap<Activation, SlotText> = new Map<Activation, SlotText>([
  [sine, texts.sineDerivatives],
  [cosine, texts.cosineDerivatives],
  [tanh, texts.tanhDerivatives],
]);

/** The WGSL of an activation's derivatives up to the fifth. @throws InputError one of which they are not known. */
export function activationDerivatives(activation: Activation): SlotText {
  const found = activation.derivatives ?? shipped.get(activation);
  if (found) return found;
  throw new InputError(
    `activation ${activation.name}: its higher derivatives are not known: give it \`derivatives\`, or use ${[...shipped.keys()].map(({ name }) => name).join(', ')}`,
  );
}
