/** An output tensor in tiles, where it is too large for one binding of the device. */

import { padded, type Shape, sizeOf } from '../buffer/layout.js';
import type { Device } from '../device/device.js';
import { mostOf } from '../host/arrays.js';
import type { Dispatch } from '../kernel/dispatch.js';
import { mostInDispatch } from '../kernel/pace.js';
import { contractionFits, onPart } from './fits.js';
import { type Model, networkInputs, networkPoints, networksOf } from './model.js';

/** A block of an output tensor. */
export interface Tile {
  /** Index of its first point on each axis of the domain's shape. */
  readonly start: readonly number[];
  /** Its points of each axis. */
  readonly shape: Shape;
  /** (members times outputs, then `shape`), row-major. */
  readonly values: Float32Array;
}

/** A stretch of a tile's values that lies together in the whole tensor too: `length` numbers at `from` belong at `to`. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** The longest such stretches of a tile, in the order of its values; `whole` has the shape, and as many planes. */
export function* stretches(tile: Pick<Tile, 'start' | 'shape'>, whole: Shape, planes: number): Generator<Stretch> {
  const [start, shape, all] = [
    [0, ...tile.start],
    [planes, ...tile.shape],
    [planes, ...whole],
  ];
  let axis = shape.length - 1; // all axes after this one are whole
  while (axis > 0 && shape[axis] === all[axis]) axis--;
  const length = sizeOf(shape.slice(axis));
  const strides = all.map((_, d) => sizeOf(all.slice(d + 1)));
  let from = 0;
  for (const at of tileStarts(shape.slice(0, axis), Array<number>(axis).fill(1))) {
    const to = strides.slice(0, axis + 1).reduce((sum, stride, d) => sum + ((at[d] ?? 0) + start[d]) * stride, 0);
    yield { from, to, length };
    from += length;
  }
}

/**
 * Tiles, in their order, put together to tiles of whole rows of the first axis: for what reads an output from front to back.
 *
 * @param whole the domain's shape. @param planes members times outputs.
 */
export async function* tilesOfRows(
  tiles: AsyncIterable<Tile>,
  whole: Shape,
  planes: number,
): AsyncGenerator<Tile, void, void> {
  let rows: Tile | undefined;
  let filled = 0;
  for await (const tile of tiles) {
    const shape = [tile.shape[0], ...whole.slice(1)];
    rows ??= {
      start: tile.start.map((first, axis) => (axis === 0 ? first : 0)),
      shape,
      values: new Float32Array(planes * sizeOf(shape)),
    };
    const within = { start: [0, ...tile.start.slice(1)], shape: tile.shape };
    for (const { from, to, length } of stretches(within, shape, planes)) {
      rows.values.set(tile.values.subarray(from, from + length), to);
    }
    filled += tile.values.length;
    if (filled < rows.values.length) continue;
    yield rows;
    rows = undefined;
    filled = 0;
  }
}

/** Index of the first point of every tile, row-major. */
export function* tileStarts(whole: Shape, tile: Shape): Generator<readonly number[]> {
  const counts = whole.map((points, axis) => Math.ceil(points / tile[axis]));
  for (let i = 0; i < sizeOf(counts); i++) {
    let rest = i;
    const start = counts.map(() => 0);
    for (let axis = counts.length - 1; axis >= 0; axis--) {
      start[axis] = (rest % counts[axis]) * tile[axis];
      rest = Math.floor(rest / counts[axis]);
    }
    yield start;
  }
}

/** How many numbers of an output a tile may have, of which so many take these dispatches, for each dispatch to end in time. */
export function mostInTime({ rate }: Device, dispatches: readonly Dispatch[], numbers: number): number {
  return mostInDispatch(mostOf(dispatches, ({ work }) => work.operations) / numbers, rate);
}

/** The first axis is the rows of the contraction, a matrix product: with fewer, a schedule's tile is not filled. */
const goodRows = 64;

/**
 * The shape of the tiles: the whole halved until every tensor of a forward pass fits a binding and the output has about
 * `mostNumbers` at most. Leading axes are halved first, so that tiles lie together in the whole.
 */
export function tileShape(model: Model, mostNumbers: number, device: Pick<Device, 'mostBindingBytes'>): Shape {
  const mostBound = device.mostBindingBytes / 4;
  const widest = Math.max(networkInputs(model), model.network.width) + 1;
  const fits = (tile: Shape): boolean => {
    const there = onPart(model, tile);
    const points = networkPoints(there);
    const layer = networksOf(there).reduce(
      (sum, { outputs }, i) => sum + points[i] * padded(Math.max(widest, outputs)),
      0,
    );
    return layer <= mostBound && contractionFits(there, mostNumbers, device);
  };
  return halved(model.domain.shape, fits);
}

/** The whole halved until it fits, or is a single point: leading axes first. */
export function halved(whole: Shape, fits: (tile: Shape) => boolean): Shape {
  const tile = [...whole];
  while (!fits(tile) && tile.some(points => points > 1)) {
    const tall = tile.findIndex(points => points > goodRows);
    const axis = tall >= 0 ? tall : tile.indexOf(Math.max(...tile));
    tile[axis] = Math.ceil(tile[axis] / 2);
  }
  return tile;
}
