/** The coordinates of a domain as tensors of a model file: what the file's record does not tell. */

import type { Shape } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import type { Codec } from './codec.js';
import { axisPoints, coordinatesOf, type Domain, everyAxis } from './domain/domain.js';
import { grid } from './domain/grid.js';
import { linspace } from './domain/linspace.js';
import { scatteredPoints } from './domain/scatteredPoints.js';
import { type Model, onDomain } from './model.js';

/** A tensor of a file. */
interface NamedArray {
  readonly shape: Shape;
  readonly data: Float32Array;
}

const coordinatesName = 'domain.coordinates';
const axisName = (axis: number) => `domain.axis${axis}`;

/** Those of scattered points, and of axes that are not even. A domain of a host's own makes them from its settings. */
export function coordinateTensors(domain: Domain, { domains = {} }: Codec = {}): Readonly<Record<string, NamedArray>> {
  if (!domain.coordinates || Object.hasOwn(domains, domain.name)) return {};
  if (!domain.isGrid) {
    const data = Float32Array.from(coordinatesOf(domain));
    return { [coordinatesName]: { shape: [data.length / domain.axes, domain.axes], data } };
  }
  const uneven = everyAxis(domain).flatMap(axis => {
    const data = Float32Array.from(coordinatesOf(domain, [axis]));
    const even = Float32Array.from(linspace(data.length));
    return data.every((x, i) => x === even[i]) ? [] : [[axisName(axis), { shape: [data.length], data }] as const];
  });
  return Object.fromEntries(uneven);
}

/** A model whose domain has the coordinates that a file holds. @throws InputError coordinates that do not fit it. */
export function withCoordinates(
  model: Model,
  held: (name: string) => Float32Array | undefined,
  { domains = {} }: Codec = {},
): Model {
  const { name, axes, shape, isGrid } = model.domain;
  if (Object.hasOwn(domains, name)) return model;
  if (!isGrid) {
    const coordinates = held(coordinatesName);
    return coordinates ? onDomain(model, scatteredPoints({ axes, points: shape[0], coordinates })) : model;
  }
  const points = axisPoints(model.domain);
  const own = points.map((_, axis) => held(axisName(axis)));
  if (own.every(axis => axis === undefined)) return model;
  own.forEach((axis, d) => {
    if (!axis || axis.length === points[d]) return;
    throw new InputError(`domain: axis ${d} has ${axis.length} coordinates for ${points[d]} points`);
  });
  return onDomain(model, grid(points.map((count, axis) => own[axis] ?? count)));
}
