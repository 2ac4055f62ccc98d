/** The factor c of a contraction's output. */

import { InputError } from '../../errors.js';
import { requireNumber } from '../../host/checks.js';

/** @throws InputError 0, or something that is no number. */
export function requireScale(scale: number): void {
  requireNumber('scale', scale);
  if (scale === 0) throw new InputError(`scale: ${scale}: use a number other than 0`);
}
