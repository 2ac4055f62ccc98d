/** The pointwise losses that ship, beside the names by which the float64 twins know them. */

import type { SlotText } from '../../src/kernel/kernel.js';
import * as texts from '../../src/wgsl/loss.js';
import type { LossName } from '../reference/objective/pointwiseLoss.js';

export const lossNames: readonly LossName[] = ['squared-error', 'bce-with-logits'];

export const lossTexts: Readonly<Record<LossName, SlotText>> = {
  'squared-error': texts.squaredError,
  'bce-with-logits': texts.bceWithLogits,
};
