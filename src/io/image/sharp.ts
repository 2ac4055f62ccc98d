/** The image library, brought in by whoever reads or writes images and by nobody else. */

import { InputError } from '../../errors.js';

/** @throws InputError where it is not installed. */
export async function loadSharp() {
  try {
    return (await import('sharp')).default;
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new InputError(`images need the package sharp (${reason}): npm install sharp`);
  }
}
