/** The parameters of a model by name. */

import type { Shape } from '../buffer/layout.js';
import { hasFactorNetworks, type Model, networkParameterShapes, networksOf, ownParameters } from './model.js';

/** A parameter with its name. */
export interface NamedParameter {
  readonly name: string;
  readonly shape: Shape;
  /** Whether it is [W | b] of a layer. */
  readonly layer: boolean;
}

/**
 * All parameters, in the order of `modelParameterShapes`: member0.axis1.layer2, or member0.layer2 of a network of all
 * coordinates; member0.core and the like of contraction and readout.
 */
export function namedParameters(model: Model): NamedParameter[] {
  const { depth } = model.network;
  const perMember = networksOf(model).length / model.members;
  const axisOf = (network: number) => (hasFactorNetworks(model) ? `.axis${network % perMember}` : networkName(network));
  const networkName = (network: number) => (perMember === 1 ? '' : `.network${network % perMember}`);
  const layers = networkParameterShapes(model).map((shape, i): NamedParameter => {
    const [network, layer] = [Math.floor(i / depth), i % depth];
    const name = `member${Math.floor(network / perMember)}${axisOf(network)}.layer${layer}`;
    return { name, shape, layer: true };
  });
  const { contraction, readout } = ownParameters(model);
  const own = [contraction, readout].flatMap(shapes =>
    Array.from({ length: model.members }, (_, i) =>
      Object.entries(shapes).map(
        ([name, shape]): NamedParameter => ({ name: `member${i}.${name}`, shape, layer: false }),
      ),
    ).flat(),
  );
  return [...layers, ...own];
}
