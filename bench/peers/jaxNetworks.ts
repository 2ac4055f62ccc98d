/** What steps in jax-js share: parameters as arrays, the CP contraction, Adam. */

import { jit, numpy as np, tree } from '@jax-js/jax';
import type { EquationSetup, PeerStep, StepSetup } from './peer.js';
import { adam, linearLayers } from './setup.js';

/** Parameters, or something else that each of them has one of. */
export type Networks = { weight: np.Array; bias: np.Array }[][];

type State = {
  networks: Networks;
  first: Networks;
  second: Networks;
  /** b1^t and b2^t, scalars, of the steps t done. */
  powers: np.Array[];
};

/** Has what an array waits for encoded and submitted, which jax-js puts off until somebody asks for it. */
export async function flush(array: np.Array): Promise<void> {
  await array.ref.gpuBuffer();
}

/** Parameters as a setup has them, before the first step. */
function initialState(setup: StepSetup | EquationSetup): State {
  const networks: Networks = linearLayers(setup).map(layers =>
    layers.map(({ inputs, outputs, weight, bias }) => ({
      weight: np.array(weight, { shape: [outputs, inputs] }),
      bias: np.array(bias),
    })),
  );
  const zeros = () => tree.map((p: np.Array) => np.zerosLike(p), tree.ref(networks));
  return { first: zeros(), second: zeros(), powers: [np.array(1), np.array(1)], networks };
}

/** Z, (n_1 .. n_D), of the factors (n_d, R). One einsum over all of them is slower: it transposes Z. */
export function combine(factors: np.Array[]): np.Array {
  const [first, ...others] = factors as [np.Array, ...np.Array[]];
  const [, rank] = first.shape as [number, number];
  const grid = factors.map(({ shape }) => shape[0] as number);
  const khatriRao = others.reduce((left, right) => {
    const product = left.reshape([-1, 1, rank]).mul(right.reshape([1, -1, rank]));
    return product.reshape([-1, rank]);
  });
  return np.matmul(first, khatriRao.transpose()).reshape(grid);
}

/** Kingma and Ba 2015, algorithm 1, on every array of the networks. */
function adamStep({ networks, first, second, powers }: State, gradient: Networks, learningRate: number): State {
  const { b1, b2, epsilon } = adam;
  const [power1, power2] = powers.map((power, i) => power.mul(i === 0 ? b1 : b2)) as [np.Array, np.Array];
  const [correction1, correction2] = [power1, power2].map(power => np.array(1).sub(power.ref)) as [np.Array, np.Array];
  const newFirst = tree.map((m: np.Array, g: np.Array) => m.mul(b1).add(g.mul(1 - b1)), first, tree.ref(gradient));
  const newSecond = tree.map((v: np.Array, g: np.Array) => v.mul(b2).add(np.square(g).mul(1 - b2)), second, gradient);
  const updated = tree.map(
    (p: np.Array, m: np.Array, v: np.Array) => {
      const scale = np.sqrt(v.div(correction2.ref)).add(epsilon);
      return p.sub(m.div(correction1.ref).div(scale).mul(learningRate));
    },
    networks,
    tree.ref(newFirst),
    tree.ref(newSecond),
  );
  tree.dispose([correction1, correction2]);
  return { networks: updated, first: newFirst, second: newSecond, powers: [power1, power2] };
}

/** A task's arrays, by what they are. */
type Arrays = { [key: string]: np.Array | np.Array[] };

/** What is trained: both use up what they are given, as everything in jax-js does. */
export interface Training<Data extends Arrays> {
  readonly data: Data;
  gradient(networks: Networks, data: Data): Networks;
  /** A scalar. */
  loss(networks: Networks, data: Data): np.Array;
}

/** A step of Adam from a setup's parameters. It takes the data for its own. */
export function trainingStep<Data extends Arrays>(
  setup: StepSetup | EquationSetup,
  training: Training<Data>,
): PeerStep {
  const { data, gradient, loss }: Training<Arrays> = training;
  const train = jit(
    (state: State, data: Arrays): State =>
      adamStep(state, gradient(tree.ref(state.networks), data), setup.learningRate),
  );
  const lossOf = jit(loss);
  let state = initialState(setup);
  return {
    async submit(times) {
      for (let i = 0; i < times; i++) {
        state = train(state, tree.ref(data));
        await flush(state.powers[0] as np.Array);
      }
    },
    async loss() {
      const [value] = await lossOf(tree.ref(state.networks), tree.ref(data)).data();
      return value as number;
    },
    dispose() {
      tree.dispose(state);
      tree.dispose(data);
      train.dispose();
      lossOf.dispose();
    },
  };
}
