/** A training step on a differential equation in jax-js: jets by the chain rule, written in its operations. */

import { numpy as np, tree, vjp } from '@jax-js/jax';
import { combine, type Networks, trainingStep } from './jaxNetworks.js';
import type { EquationSetup, PeerStep } from './peer.js';

type Data = {
  /** (n_d, 1) for each axis. */
  coordinates: np.Array[];
  /** f, (n_1 .. n_D). */
  source: np.Array;
  /** g of each condition. */
  targets: np.Array[];
};

/** Values and derivatives of a layer, each (n, columns). */
type Jet = [value: np.Array, first: np.Array, second: np.Array];

export function equationStep(setup: EquationSetup): PeerStep {
  const { grid, conditions } = setup;
  const data: Data = {
    coordinates: setup.coordinates.map(x => np.array(x, { shape: [x.length, 1] })),
    source: np.array(setup.source, { shape: [...grid] }),
    targets: conditions.map(({ target, ranges }) => np.array(target, { shape: ranges.map(([from, to]) => to - from) })),
  };
  const loss = (networks: Networks, { coordinates, source, targets }: Data): np.Array => {
    const jets = networks.map((layers, d) => jet(layers, coordinates[d] as np.Array));
    // An array that is used is used up: what is wanted again is taken by `ref`.
    const rows = (factor: np.Array, from: number, to: number) => factor.ref.slice([from, to]);
    const field = (axis: number, order: number) =>
      combine(jets.map((own, d) => rows(own[d === axis ? order : 0] as np.Array, 0, grid[d] as number)));
    const u = field(0, 0);
    const residual = field(0, 2).sub(field(1, 2)).sub(field(2, 2)).add(np.square(u)).sub(source);
    const terms = conditions.map(({ ranges, target, weight }, i) => {
      const found = combine(ranges.map(([from, to], d) => rows((jets[d] as Jet)[0], from, to)));
      return np.sum(np.square(found.sub(targets[i] as np.Array))).mul(weight / target.length);
    });
    tree.dispose(jets);
    return terms.reduce((sum, term) => sum.add(term), np.mean(np.square(residual)));
  };
  return trainingStep(setup, {
    data,
    gradient: (networks, data) => {
      const [value, pullback] = vjp((networks: Networks) => loss(networks, data), [networks]);
      const [gradient] = pullback(np.onesLike(value));
      pullback.dispose();
      return gradient as Networks;
    },
    loss,
  });
}

/** The factors of one axis with their first and second derivatives, of coordinates (n, 1). */
function jet(layers: Networks[0], x: np.Array): Jet {
  const start: Jet = [x.ref, np.onesLike(x.ref), np.zerosLike(x)];
  return layers.reduce<Jet>((below, { weight, bias }, l) => {
    const across = weight.transpose();
    const [z0, z1, z2] = below.map((h, order) => np.matmul(h, order < 2 ? across.ref : across)) as Jet;
    const z = z0.add(bias);
    if (l === layers.length - 1) return [z, z1, z2];
    const a = np.tanh(z);
    const slope = np.array(1).sub(np.square(a.ref));
    const bend = z2.sub(a.ref.mul(np.square(z1.ref)).mul(2));
    return [a, slope.ref.mul(z1), slope.mul(bend)];
  }, start);
}
