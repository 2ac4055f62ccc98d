/** How what a fleet keeps is shared out among its places: one after the other, as much to each. */

import { formatLayout, type Layout, sameShape } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';

/** Whether the places are numbers of a vector, not tensors of a stack. */
export function isVectorOfPlaces({ parts }: Layout, places: number): boolean {
  return places > 1 && parts.length === 1 && parts[0].shape.length === 1;
}

/** Stored numbers of a place. @throws InputError a stack or a vector that is not as much in each place. */
export function numbersOfPlace(layout: Layout, places: number): number {
  const { parts, length } = layout;
  if (isVectorOfPlaces(layout, places)) {
    const [size] = parts[0].shape;
    if (size % places === 0) return size / places;
  } else if (parts.length % places === 0) {
    const each = parts.length / places;
    if (parts.every(({ shape }, i) => sameShape(shape, parts[i % each].shape))) return length / places;
  }
  throw unlike(layout, places);
}

/** A stack or a vector that is not as much in each place. */
export function unlike(layout: Layout, places: number): InputError {
  return new InputError(`a fleet of ${places} places takes as much for each, got ${formatLayout(layout)}`);
}
