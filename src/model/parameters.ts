/**
 * What a model is trained in: tensors of one stack on the device, so that one dispatch of an optimiser updates them all.
 * They stand region by region: the networks' matrices first, then what contraction and readout are trained in.
 */

import type { Shape } from '../buffer/layout.js';
import { hasFactorNetworks, type Model, networkParameterShapes, networksOf, ownParameters } from './model.js';

/** Which layer of which network a matrix belongs to. */
export interface LayerPlace {
  /** Counted within the member; a readout's layers are those of one more. */
  readonly network: number;
  /** From 0. */
  readonly layer: number;
  /** Of the network: its last layer is depth - 1. */
  readonly depth: number;
}

/** One tensor of the stack. */
export interface Parameter {
  /** As files call it: member0.axis1.layer2, or member0.layer2 of a network of all coordinates; member0.core and the like. */
  readonly name: string;
  /**
   * Axes, row-major: (outputs, inputs + 1) of a layer's [W | b], (R_1 .. R_D) of a core, (outputs, R) of a mixing
   * matrix.
   */
  readonly shape: Shape;
  /** Whose it is. */
  readonly owner: 'network' | OwnRegion;
  /** Of which member it is, from 0. */
  readonly member: number;
  /** Where it is [W | b] of a layer, (outputs, inputs + 1), whose last column is the bias. */
  readonly place?: LayerPlace;
}

/** A region after the networks', by its owner. */
export type OwnRegion = keyof ReturnType<typeof ownParameters>;

/** All parameters, in the order of `modelParameterShapes`. */
export function parametersOf(model: Model): Parameter[] {
  const { depth } = model.network;
  const perMember = networksOf(model).length / model.members;
  const nameOf = (network: number) => {
    if (hasFactorNetworks(model)) return `.axis${network}`;
    return perMember === 1 ? '' : `.network${network}`;
  };
  const layers = networkParameterShapes(model).map((shape, i): Parameter => {
    const [all, layer] = [Math.floor(i / depth), i % depth];
    const [member, network] = [Math.floor(all / perMember), all % perMember];
    const name = `member${member}${nameOf(network)}.layer${layer}`;
    return { name, shape, owner: 'network', member, place: { network, layer, depth } };
  });
  const own = ownRegionsOf(model).flatMap(owner =>
    Array.from({ length: model.members }, (_, member) =>
      Object.entries(ownParameters(model)[owner]).map(
        ([name, shape], layer, { length: depth }): Parameter => ({
          name: `member${member}.${name}`,
          shape,
          owner,
          member,
          ...(model[owner].parameters?.layers && { place: { network: perMember, layer, depth } }),
        }),
      ),
    ).flat(),
  );
  return [...layers, ...own];
}

/** The regions after the networks' in which there is something, in their order. */
export function ownRegionsOf(model: Model): OwnRegion[] {
  const own = ownParameters(model);
  return (Object.keys(own) as OwnRegion[]).filter(owner => Object.keys(own[owner]).length > 0);
}

/** Which tensors of the stack are of a region. */
export function partsOf(parameters: readonly Parameter[], region: Parameter['owner']): number[] {
  return parameters.flatMap(({ owner }, part) => (owner === region ? [part] : []));
}

/** Axes of every tensor of a region. */
export function ownShapes(model: Model, region: OwnRegion): Shape[] {
  return parametersOf(model).flatMap(({ owner, shape }) => (owner === region ? [shape] : []));
}
