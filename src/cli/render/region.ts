/** Which part of which grid `sepnn render` evaluates: what --size, --crop and --slice come to for a model. */

import { InputError } from '../../errors.js';
import { followLongest, keepsAspect } from '../../host/aspect.js';
import { type Domain, mostPoints } from '../../model/domain/domain.js';
import { grid } from '../../model/domain/grid.js';

/** An option's text, for errors, with what was read from it. */
interface Given<T> {
  readonly text: string;
  readonly value: T;
}

/** Points of a picture's longer side and of all axes of anything else, of each axis, or the columns and rows of an image. */
export type GridSize = Given<
  | { readonly longest: number }
  | { readonly axes: readonly number[] }
  | { readonly columnsByRows: readonly [number, number] }
>;
export type Crop = Given<readonly number[]>;
export type Slice = Given<{ readonly axis: number; readonly index: number }>;

export interface RegionOptions {
  readonly size?: GridSize;
  readonly crop?: Crop;
  readonly slice?: readonly Slice[];
}

/** What has a value at every point of a grid. */
export interface Gridded {
  /** Its own points. */
  readonly domain: Domain;
  /** A grid of so many points of each axis, where it is no picture over [-1, 1]. */
  gridOf?(points: readonly number[]): Domain;
}

export interface Region {
  /** What is evaluated. */
  readonly domain: Domain;
  /** The axes that the result has, from 0: all that are not sliced. */
  readonly kept: readonly number[];
  /** Points of each of those. */
  readonly shape: readonly number[];
  /** Whether the grid of a picture, before it is cut, has not the model's own ratio of its sides. */
  readonly changesAspect: boolean;
}

/** N, WxH, or the points of each axis separated by commas. */
export function gridSize(text: string): GridSize {
  const pair = /^(\d+)x(\d+)$/.exec(text.trim());
  const numbers = pair ? pair.slice(1).map(Number) : wholeNumbers(text);
  if (!numbers?.every(n => n >= 1 && n <= mostPoints)) {
    throw new InputError(
      `--size ${text}: use N, WxH, or the points of each axis separated by commas, whole numbers from 1 to ${mostPoints}`,
    );
  }
  const [first, second] = numbers;
  if (pair) return { text, value: { columnsByRows: [first, second] } };
  return { text, value: numbers.length === 1 ? { longest: first } : { axes: numbers } };
}

/** Whole numbers separated by commas, starts before ends. */
export function crop(text: string): Crop {
  const value = wholeNumbers(text);
  if (value && value.length % 2 === 0) return { text, value };
  throw new InputError(`--crop ${text}: use x0,y0,x1,y1, or the start of each axis and then the end of each`);
}

/** axis=index, once or more often. */
export function slice(text: string, before: readonly Slice[] = []): readonly Slice[] {
  const [, axis, index] = /^(\d+)=(\d+)$/.exec(text.trim()) ?? [];
  if (axis === undefined) throw new InputError(`--slice ${text}: use axis=index, both whole numbers from 0`);
  return [...before, { text, value: { axis: Number(axis), index: Number(index) } }];
}

function wholeNumbers(text: string): readonly number[] | undefined {
  const words = text.split(',').map(word => word.trim());
  return words.every(word => /^\d{1,15}$/.test(word)) ? words.map(Number) : undefined;
}

/** @throws InputError an option that does not fit the model's axes, or the grid. */
export function regionOf(source: Gridded, options: RegionOptions): Region {
  const whole = domainOf(source, options.size);
  const { shape } = whole;
  const ranges = shape.map((points): readonly [number, number] => [0, points]);
  for (const { text, value } of options.slice ?? []) {
    const { axis, index } = value;
    const points = shape[axis];
    if (points === undefined) throw new InputError(`--slice ${text}: the model has axes 0 to ${shape.length - 1}`);
    if (index >= points)
      throw new InputError(`--slice ${text}: axis ${axis} has ${points} points: use 0 to ${points - 1}`);
    ranges[axis] = [index, index + 1];
  }
  const sliced = new Set(options.slice?.map(({ value }) => value.axis));
  if (sliced.size < (options.slice?.length ?? 0)) {
    throw new InputError(`--slice ${options.slice?.at(-1)?.text}: an axis is sliced twice: slice each once`);
  }
  const kept = shape.flatMap((_, axis) => (sliced.has(axis) ? [] : [axis]));
  if (options.crop) {
    rangesOf(
      options.crop,
      kept.map(axis => shape[axis]),
    ).forEach((range, i) => {
      ranges[kept[i]] = range;
    });
  }
  return {
    domain: whole.part(
      ranges.map(([from]) => from),
      ranges.map(([from, to]) => to - from),
    ),
    kept,
    shape: kept.map(axis => ranges[axis][1] - ranges[axis][0]),
    changesAspect: pictured(source) && !keepsAspect(source.domain.shape, shape),
  };
}

/** Whether it has the rows and columns of a picture: only there has a ratio of the axes a meaning that is known. */
function pictured({ domain: { isGrid, axes }, gridOf }: Gridded): boolean {
  return isGrid && axes === 2 && !gridOf;
}

/** Its own domain, or a grid of the given size. */
function domainOf(source: Gridded, size: GridSize | undefined): Domain {
  const { domain, gridOf = grid } = source;
  const { axes } = domain;
  if (size === undefined && !domain.isGrid) {
    throw new InputError('--size: the model was trained on scattered points and has no grid of its own: give one');
  }
  if (!size) return domain;
  const { text, value } = size;
  if ('longest' in value)
    return gridOf(
      pictured(source) ? [...followLongest(domain.shape, value.longest)] : Array<number>(axes).fill(value.longest),
    );
  if ('columnsByRows' in value) {
    const [columns, rows] = value.columnsByRows;
    if (axes === 2) return gridOf([rows, columns]);
    throw new InputError(`--size ${text}: the model has ${axes} axes: give the points of each with commas between`);
  }
  if (value.axes.length === axes) return gridOf(value.axes);
  throw new InputError(`--size ${text}: the model has ${axes} axes: give as many numbers, or one`);
}

/** From where to where on each axis that is left; of two axes x, the columns, comes first. */
function rangesOf({ text, value }: Crop, points: readonly number[]): (readonly [number, number])[] {
  const axes = points.length;
  if (value.length !== 2 * axes) {
    throw new InputError(
      `--crop ${text}: ${axes} axes take ${2 * axes} numbers: the start of each, then the end of each`,
    );
  }
  return points.map((n, i) => {
    const at = axes === 2 ? 1 - i : i;
    const [from, to] = [value[at], value[at + axes]];
    if (from < to && to <= n) return [from, to];
    const name = axes === 2 ? ['y', 'x'][i] : `axis ${i}`;
    throw new InputError(`--crop ${text}: ${name} from ${from} to ${to}: use 0 to ${n}, the start before the end`);
  });
}
