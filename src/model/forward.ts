/** A model's forward pass as nodes of a graph. */

import type { Shape } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { compute } from '../graph/compute.js';
import { type Engine, requireEngine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/operation.js';
import { joined } from '../host/arrays.js';
import { type Scope, within } from '../host/scope.js';
import { factorNetwork, type Residuals } from '../ops/network/factorNetwork.js';
import { features } from '../ops/network/features.js';
import { coordinatesOf, type Domain, descriptionOf, type Extent } from './domain/domain.js';
import {
  formOf,
  type Model,
  networkCoordinates,
  networkInputs,
  networkPoints,
  networksOf,
  ownParameterShapes,
} from './model.js';
import { outputAxis } from './outputAxis.js';
import { type OwnRegion, ownRegionsOf, parametersOf, partsOf } from './parameters.js';
import type { Contracted } from './readout/readout.js';

/**
 * The homogeneous input of every network, computed once: coordinates do not change in training.
 *
 * @throws InputError a domain whose coordinates are not known.
 */
export async function networkInput(engine: Engine, model: Model): Promise<Tensor> {
  requireEngine(engine);
  return within(async scope => {
    const source = inputSource(engine, scope, model);
    const shapes = networkPoints(model).map((n): Shape => [n, networkInputs(model) + 1]);
    return compute(engine, shapes, graph => source.input(graph));
  });
}

/** The coordinates from which networks' input is made, on the device. */
export interface InputSource {
  input(graph: Graph): Value;
  /** Puts those of another domain of as many points in their place. */
  write(domain: Domain): void;
}

/** @param scope that disposes of it. @throws InputError as `networkInput`. */
export function inputSource(engine: Engine, scope: Scope, model: Model): InputSource {
  const { frequencies } = model.network;
  const axes = networkCoordinates(model);
  const coordinatesIn = (domain: Domain) =>
    joined(networksOf(model).map(network => coordinatesOf(domain, network.axes)));
  const shapeOf = (count: number): Shape => (axes === 1 ? [count] : [count, axes]);
  const source = scope.keep(engine.stack(networkPoints(model).map(shapeOf), coordinatesIn(model.domain)));
  const waves =
    frequencies.length > 0 ? scope.keep(engine.tensor(shapeOf(frequencies.length / axes), frequencies)) : undefined;
  return {
    input: graph => features(graph.read(source), waves && graph.read(waves)),
    write: domain => source.write(coordinatesIn(domain)),
  };
}

/** What contraction and readout are trained in, a stack each; absent where there is nothing. */
export type Own = Readonly<Partial<Record<OwnRegion, Value>>>;

/** What the networks of a model give, before the contraction. */
export interface Factors {
  /** The factor matrices: (points, outputs) for each network, member by member. */
  readonly factors: Value;
  /** What contraction and readout are trained in, a stack of each; absent where there is nothing. */
  readonly own: Own;
  /** What the networks' pass keeps for its VJP and for tangent kernels. */
  readonly residuals: Residuals;
}

/** The forward pass of a model: factor matrices, and the output that is made of them. */
export interface Forward extends Factors {
  /**
   * (n_1 .. n_D) of a grid, (n) of points, for each member; several outputs stand after the first axis: `outputShapes`.
   */
  readonly output: Value;
}

/**
 * What the networks of a model give on its domain, as nodes of a graph.
 *
 * @param input its `networkInput`, or the same as a value of this graph.
 */
export function factorsOf(graph: Graph, model: Model, parameters: Value, input: Tensor | Value): Factors {
  const owners = ownRegionsOf(model);
  const all = parametersOf(model);
  const { factors, regions, residuals } = factorNetwork(
    parameters,
    'graph' in input ? input : graph.read(input),
    model.network,
    owners.map(owner => partsOf(all, owner)),
  );
  return { factors, own: Object.fromEntries(owners.map((owner, i) => [owner, regions[i]])), residuals };
}

/**
 * The forward pass of a model on its domain, as nodes of a graph.
 *
 * @param input as for `factorsOf`.
 */
export function forward(graph: Graph, model: Model, parameters: Value, input: Tensor | Value): Forward {
  const found = factorsOf(graph, model, parameters, input);
  return { ...found, output: outputOf(model, found.factors, found.own) };
}

/**
 * What contraction and readout make of factor matrices, the model's own or others of the same widths.
 *
 * @param extent that the factor matrices fit; the model's domain by default.
 * @returns a tensor for each member, of `outputShapes` on that extent.
 */
export function outputOf(model: Model, factors: Value, own: Own, extent: Extent = model.domain): Value {
  return model.readout.output(contractedOf(model, factors, own.contraction, extent), own.readout);
}

function contractedOf(model: Model, factors: Value, own: Value | undefined, extent: Extent): Contracted {
  const form = formOf(model);
  return {
    output: () => form.output(factors, own, extent),
    mix: (matrices, how) => {
      if (form.mix) return form.mix(factors, matrices, extent, outputAxis, how);
      throw new InputError(`${model.contraction.name}: has no products to mix here`);
    },
  };
}

/**
 * The derivative of the model's output along tangents of its factor matrices.
 *
 * @throws InputError as `requireOutputJvp`.
 */
export function outputJvp(model: Model, tangents: Value, factors: Value): Value {
  const { ofContraction, ofReadout } = requireOutputJvp('outputJvp', model);
  const tangent = ofContraction(tangents, factors, model.domain);
  return ofReadout(tangent, contractedOf(model, factors, undefined, model.domain));
}

/** @param name of what asks, for errors. @throws InputError a model whose output has no Jacobian-vector product. */
export function requireOutputJvp(name: string, model: Model) {
  const { contraction, domain, readout } = model;
  const ofContraction = formOf(model).jvp;
  if (!ofContraction || ownParameterShapes(model).length > 0 || readout.outputs > 1) {
    throw new InputError(
      `${name}: a ${contraction.name} model of ${readout.outputs} outputs on ${descriptionOf(domain)} has no Jacobian-vector product: use cp of one output on a grid, or jointNetwork`,
    );
  }
  if (readout.jvp) return { ofContraction, ofReadout: readout.jvp };
  throw new InputError(`${name}: the ${readout.name} readout has no Jacobian-vector product: use identity()`);
}
