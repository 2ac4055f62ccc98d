/** A tensor in which every place of a fleet has numbers of its own, written and read a few places at a time. */

import { numbersIn, sizeOf } from '../../buffer/layout.js';
import type { Tensor } from '../../buffer/tensor.js';
import { viewOfNumbers, viewOfParts } from '../../buffer/view.js';
import { cut, joined } from '../../host/arrays.js';
import { isVectorOfPlaces, numbersOfPlace, unlike } from '../../ops/fleet/numbersOfPlace.js';

export class PlacedTensor {
  /** The tensor itself, region by region: of some consecutive places. */
  readonly #views: readonly ((from: number, to: number) => Tensor)[];
  /** Numbers of a place in each region. */
  readonly #sizes: readonly number[];

  /**
   * @param regions parts of a place in each region of the stack, in which one place stands after the other; one region of
   *   all parts by default.
   * @throws InputError a tensor that is not as much in each place.
   */
  constructor(
    readonly tensor: Tensor,
    readonly places: number,
    regions?: readonly number[],
  ) {
    const { layout } = tensor;
    if (!regions) numbersOfPlace(layout, places);
    if (isVectorOfPlaces(layout, places)) {
      const each = numbersIn(layout) / places;
      this.#views = [(from, to) => viewOfNumbers(tensor, from * each, to * each)];
      this.#sizes = [each];
      return;
    }
    let first = 0;
    const placed = (regions ?? [layout.parts.length / places]).map(parts => {
      const start = first;
      first += places * parts;
      return {
        view: (from: number, to: number) => viewOfParts(tensor, start + from * parts, start + to * parts),
        size: layout.parts.slice(start, start + parts).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      };
    });
    if (first !== layout.parts.length) throw unlike(layout, places);
    this.#views = placed.map(({ view }) => view);
    this.#sizes = placed.map(({ size }) => size);
  }

  /** Puts numbers into consecutive places, before everything submitted from now on. @param values of each place, region by region. */
  write(from: number, values: readonly Float32Array[]): void {
    const pieces = values.map(one => cut(one, this.#sizes));
    this.#views.forEach((view, region) => {
      const own = pieces.map(piece => piece[region]);
      view(from, from + values.length).write(own.length === 1 ? own[0] : joined(own));
    });
  }

  /** Of consecutive places the numbers of each, region by region, after everything submitted so far. */
  async read(from: number, to: number): Promise<Float32Array[]> {
    const count = to - from;
    const regions = await Promise.all(this.#views.map(view => readOnce(view(from, to))));
    const pieces = regions.map((all, region) => cut(all, Array<number>(count).fill(this.#sizes[region])));
    return Array.from({ length: count }, (_, i) => joined(pieces.map(piece => piece[i])));
  }
}

/** What a view holds, and what it was read back through is let go. */
async function readOnce(view: Tensor): Promise<Float32Array> {
  try {
    return await view.read();
  } finally {
    view.dispose();
  }
}

/** Ascending places as stretches of consecutive ones: the first, and the one after the last. */
export function stretchesOf(places: readonly number[]): (readonly [from: number, to: number])[] {
  const found: [number, number][] = [];
  for (const place of places) {
    const last = found.at(-1);
    if (last?.[1] === place) last[1]++;
    else found.push([place, place + 1]);
  }
  return found;
}
