/** A model is values, none of which knows the others' kinds: a domain, a contraction with its networks, a readout. */

import { type Shape, sizeOfAll } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { joined, type Numbers } from '../host/arrays.js';
import { requireCount, requireOptions, requireValue } from '../host/checks.js';
import { Random } from '../host/random.js';
import { type Architecture, initialise, inputsOf, shapesOf } from './architecture.js';
import type { Contraction, ContractionForm, NetworkShape } from './contraction/contraction.js';
import { countOf, type Domain, descriptionOf, mostPoints } from './domain/domain.js';
import { toDeviceOrder, toHostOrder, withOutputs } from './outputAxis.js';
import { identity } from './readout/identity.js';
import type { Readout } from './readout/readout.js';

/** Domain, contraction, readout and architecture that fit each other; `defineModel` makes it. */
export interface Model {
  /** Points on which the output lies. */
  readonly domain: Domain;
  /** How the factor matrices make an output, and which networks there are. */
  readonly contraction: Contraction;
  /** What stands between the contraction and the output. */
  readonly readout: Readout;
  /** What all factor networks share. */
  readonly network: Architecture;
  /** Models of the same shape fitted apart, in the same dispatches: the colour channels of an image. */
  readonly members: number;
}

/** The values that a model is made of. */
export interface ModelOptions {
  /** What the output lies on: `grid([128, 128])`, `scatteredPoints({ axes, coordinates })`. */
  readonly domain: Domain;
  /** How factor matrices make the output: `cp({ rank })`, `tensorTrain`, `tucker`, `jointNetwork`. */
  readonly contraction: Contraction;
  /** Of every factor: `architecture({ width })`. */
  readonly network: Architecture;
  /**
   * What stands between the contraction and the output: `identity()` by default, `mixing({ outputs })`,
   * `decoder({ hidden })`.
   */
  readonly readout?: Readout;
  /** Models of the same shape fitted apart, such as the colour channels of an image: from 1 to 4096, 1 by default. */
  readonly members?: number;
}

const known = { domain: true, contraction: true, network: true, readout: true, members: true } as const;

/**
 * A model of these values. Nothing is allocated.
 *
 * @throws InputError values that do not fit each other, naming what is out of range, its value and what would do.
 */
export function defineModel(options: ModelOptions): Model {
  requireOptions('defineModel', options, known);
  const { domain, contraction, network, readout = identity(), members = 1 } = options;
  requireValue('domain', domain, 'part', 'give grid([128, 128]) or scatteredPoints({ .. })');
  requireValue('contraction', contraction, 'networks', 'give cp({ rank }), tensorTrain, tucker or jointNetwork');
  requireValue('readout', readout, 'output', 'give identity() or mixing({ outputs }) or decoder({ hidden })');
  requireValue('network', network, 'frequencies', 'give architecture({ .. })', 'object');
  requireCount('members', members, 1, 4096);
  const model = { domain, contraction, readout, network, members };
  outputShape(model); // what the domain has against the outputs
  formOf(model); // and against the contraction
  requireCoordinates(model);
  ownParameters(model); // what a readout has against the contraction
  return model;
}

function requireCoordinates(model: Model): void {
  const networks = model.contraction.networks(model.domain.axes);
  const coordinates = networkCoordinates(model);
  if (networks.some(({ axes }) => axes.length !== coordinates)) {
    throw new InputError(
      `${model.contraction.name}: its networks take different numbers of coordinates: give all as many`,
    );
  }
  const { frequencies } = model.network;
  if (frequencies.length % coordinates !== 0) {
    throw new InputError(
      `frequencies: ${frequencies.length} numbers for ${coordinates} coordinates per point: give (m, ${coordinates}), row by row`,
    );
  }
  const { domain } = model;
  for (const { axes } of networks) {
    const count = countOf(domain, axes);
    if (count > mostPoints) {
      throw new InputError(
        `${domain.name}: ${descriptionOf(domain)} are ${count} points for one network: use at most ${mostPoints}`,
      );
    }
  }
}

/** The same networks, contraction and readout on another domain. */
export function onDomain(model: Model, domain: Domain): Model {
  return { ...model, domain };
}

/** The form of the model's contraction on its domain. @throws InputError one that has none there. */
export function formOf(model: Model): ContractionForm {
  const { onGrid, onPoints, name } = model.contraction;
  if (model.domain.isGrid) return onGrid;
  if (onPoints) return onPoints;
  throw new InputError(`a ${name} contraction has no form on scattered points: use cp or jointNetwork`);
}

/** Whether the contraction has a form on points one by one too, wherever the model's own lie. */
export function hasPointForm({ contraction }: Model): boolean {
  return contraction.onPoints !== undefined;
}

/** Every network of the model, member by member. */
export function networksOf({ contraction, domain, members }: Model): readonly NetworkShape[] {
  return Array.from({ length: members }, () => contraction.networks(domain.axes)).flat();
}

/** Points on which each network runs. */
export function networkPoints(model: Model): readonly number[] {
  return networksOf(model).map(({ axes }) => countOf(model.domain, axes));
}

/** Axes of each network's factor matrix. */
export function factorShapes(model: Model): Shape[] {
  const points = networkPoints(model);
  return networksOf(model).map(({ outputs }, i) => [points[i], outputs]);
}

/** Coordinates of a point of a network's: one of an axis, or all. */
export function networkCoordinates({ contraction, domain }: Model): number {
  return contraction.networks(domain.axes)[0].axes.length;
}

/** Numbers that enter each network's first layer. */
export function networkInputs(model: Model): number {
  return inputsOf(model.network, networkCoordinates(model));
}

/** Whether the model has one factor network per axis, in their order. */
export function hasFactorNetworks({ contraction, domain }: Model): boolean {
  const networks = contraction.networks(domain.axes);
  return (
    networks.length === domain.axes && networks.every(({ axes: [only, ...more] }, d) => only === d && !more.length)
  );
}

/** Axes of [W | b] of every layer, network by network. */
export function networkParameterShapes(model: Model): Shape[] {
  const coordinates = networkCoordinates(model);
  return networksOf(model).flatMap(({ outputs }) => shapesOf(model.network, outputs, coordinates));
}

/** What the contraction, then the readout, of one member are trained in. */
export function ownParameters(model: Model): {
  readonly contraction: Readonly<Record<string, Shape>>;
  readonly readout: Readonly<Record<string, Shape>>;
} {
  const { contraction, readout, domain } = model;
  return {
    contraction: contraction.parameters?.shapes(domain.axes) ?? {},
    readout: readout.parameters?.shapes(mixedProducts(model)) ?? {},
  };
}

/** R, where the contraction can mix its products on the domain. */
function mixedProducts(model: Model): number | undefined {
  return formOf(model).mix && model.contraction.products;
}

/** Axes of what stands after the networks' matrices in the parameters: the contraction's of every member, the readout's. */
export function ownParameterShapes(model: Model): readonly Shape[] {
  const { contraction, readout } = ownParameters(model);
  return [contraction, readout].flatMap(own => Array.from({ length: model.members }, () => Object.values(own)).flat());
}

/**
 * Axes of all parameters, in their order: [W | b] of every layer, (outputs, inputs + 1), network by network and member
 * by member; then what the contraction of every member is trained in, then the readout of every member.
 */
export function modelParameterShapes(model: Model): Shape[] {
  return [...networkParameterShapes(model), ...ownParameterShapes(model)];
}

/** Numbers that a model is trained in, those of all members. */
export function parameterCount(model: Model): number {
  return sizeOfAll(modelParameterShapes(model));
}

/**
 * Initial parameters, in the order of `modelParameterShapes`; the same for the same seed everywhere.
 *
 * @param seed from 0 to 2^32 - 1.
 * @throws InputError another seed.
 */
export function initialParameters(model: Model, seed: number): Float32Array {
  const random = new Random(seed);
  const { network, contraction, readout, domain, members } = model;
  const coordinates = networkCoordinates(model);
  const networks = networksOf(model).map(({ outputs }) => initialise(network, outputs, random, coordinates));
  const ofEach = (initial: () => Float32Array | undefined) =>
    Array.from({ length: members }, () => initial() ?? new Float32Array());
  const ofContraction = ofEach(() => contraction.parameters?.initial(domain.axes, random));
  const ofReadout = ofEach(() => readout.parameters?.initial(mixedProducts(model), random));
  return joined([...networks, ...ofContraction, ...ofReadout]);
}

/** The axes of one member's output on the device. @throws InputError several outputs on scattered points. */
export function outputShape({ domain, readout: { outputs } }: Model): Shape {
  if (domain.isGrid || outputs === 1) return withOutputs(domain.shape, outputs);
  throw new InputError(`a model of ${outputs} outputs has no form on scattered points: use members, or a grid`);
}

/** Numbers of every member's output from the host's order, (members, outputs, then the domain's shape), to the device's. */
export function toDevice({ domain, readout }: Model, values: Numbers): Numbers {
  return toDeviceOrder(values, domain.shape, readout.outputs);
}

/** And back. */
export function toHost({ domain, readout }: Model, values: Float32Array): Float32Array {
  return toHostOrder(values, domain.shape, readout.outputs);
}

/**
 * Axes of every member's output on the device: (n_1 .. n_D) of a grid, (n) of points; several outputs of a model stand
 * after the first axis, (n_1, outputs, n_2 .. n_D).
 *
 * @throws InputError several outputs on scattered points.
 */
export function outputShapes(model: Model): Shape[] {
  return Array.from({ length: model.members }, () => outputShape(model));
}

/** Tensors of a model's output as a host has them, one after the other: every output of every member. */
export function planeCount({ members, readout }: Model): number {
  return members * readout.outputs;
}
