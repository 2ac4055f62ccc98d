/** What the operations on eigenpairs ask of a matrix. */

import { formatShape, type Layout } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';

/** @throws InputError naming the operation, a matrix that is not square. */
export function requireSquare(name: string, { parts }: Layout): void {
  for (const { shape } of parts) {
    if (shape.length !== 2 || shape[0] !== shape[1]) {
      throw new InputError(`${name}: takes square matrices, got ${formatShape(shape)}`);
    }
  }
}
