/** jax-js on its WebGPU backend, as a peer of the benchmark. */

import { defaultDevice, getWebGPUDevice, init, jit, numpy as np, tree, vjp } from '@jax-js/jax';
import packageJson from '../../package.json';
import type { Device } from '../../src/device/device.js';
import { equationStep } from './jaxEquation.js';
import { combine, flush, type Networks, trainingStep } from './jaxNetworks.js';
import type { Peer, PeerProduct, PeerStep, StepSetup } from './peer.js';

type Data = {
  /** (n_d, 1) for each axis. */
  coordinates: np.Array[];
  /** (n_1 .. n_D). */
  target: np.Array;
  /** (n_d, n_d) for each axis, or none. */
  preconditioners: np.Array[];
};

/**
 * jax-js on the caller's device. In Node `defineNodeGlobals` comes first.
 *
 * @throws Error where it runs on another device already: the library keeps its first for good.
 */
export async function openJax({ gpu }: Device): Promise<Peer> {
  await lending(gpu, () => init('webgpu'));
  if (getWebGPUDevice() !== gpu) throw new Error('jax-js runs on another device already, and takes one a process');
  defaultDevice('webgpu');
  return {
    name: 'jax-js',
    version: `@jax-js/jax ${packageJson.devDependencies['@jax-js/jax']}`,
    product: async (size, left, right) => product(size, left, right),
    step: async setup => step(setup),
    equationStep: async setup => equationStep(setup),
    // Its pool of buffers cannot be emptied: it goes with the device.
    dispose() {},
  };
}

/** Does `work` while whoever asks the browser for a device gets this one: jax-js has no other way to be given one. */
async function lending<T>(device: GPUDevice, work: () => Promise<T>): Promise<T> {
  const { gpu } = navigator;
  const { requestAdapter } = gpu;
  const adapter = { limits: device.limits, features: device.features, requestDevice: async () => device };
  gpu.requestAdapter = async () => adapter as unknown as GPUAdapter;
  try {
    return await work();
  } finally {
    gpu.requestAdapter = requestAdapter;
  }
}

function product(size: number, left: Float32Array, right: Float32Array): PeerProduct {
  const a = np.array(left, { shape: [size, size] });
  const b = np.array(right, { shape: [size, size] });
  const multiply = jit((a: np.Array, b: np.Array) => np.matmul(a, b));
  let result: np.Array | undefined;
  return {
    async submit(times) {
      for (let i = 0; i < times; i++) {
        result?.dispose();
        result = multiply(a.ref, b.ref);
        await flush(result);
      }
    },
    async read() {
      if (!result) throw new Error('jax: a product is read once it has been submitted');
      return (await result.ref.data()) as Float32Array;
    },
    dispose() {
      tree.dispose([a, b, ...(result ? [result] : [])]);
      multiply.dispose();
    },
  };
}

function step(setup: StepSetup): PeerStep {
  const { grid, omega } = setup;
  const data: Data = {
    coordinates: setup.coordinates.map(x => np.array(x, { shape: [x.length, 1] })),
    target: np.array(setup.target, { shape: [...grid] }),
    preconditioners: (setup.preconditioners ?? []).map((s, d) =>
      np.array(s, { shape: [grid[d] as number, grid[d] as number] }),
    ),
  };
  return trainingStep(setup, {
    data,
    gradient: (networks, { coordinates, target, preconditioners }) => {
      const [z, pullback] = vjp((networks: Networks) => model(networks, coordinates, omega), [networks]);
      const [gradient] = pullback(precondition(z.sub(target), preconditioners));
      pullback.dispose();
      return gradient as Networks;
    },
    loss: (networks, { coordinates, target, preconditioners }) => {
      tree.dispose(preconditioners);
      return np.sum(np.square(model(networks, coordinates, omega).sub(target))).mul(0.5);
    },
  });
}

/** Z, (n_1 .. n_D). */
function model(networks: Networks, coordinates: np.Array[], omega: number): np.Array {
  return combine(networks.map((layers, d) => factor(layers, coordinates[d] as np.Array, omega)));
}

/** F_d = f_d(x_d), (n_d, R), of coordinates (n_d, 1). */
function factor(layers: Networks[0], x: np.Array, omega: number): np.Array {
  return layers.reduce((h, { weight, bias }, l) => {
    const input = l === 0 ? h : np.sin(h.mul(omega));
    return np.matmul(input, weight.transpose()).add(bias);
  }, x);
}

/** P = sum_d G x_d S_d, or G itself, (n_1 .. n_D). */
function precondition(g: np.Array, preconditioners: np.Array[]): np.Array {
  if (preconditioners.length === 0) return g;
  // Axes as numbers: jax-js reads letters with iterator helpers, which Node 20 lacks.
  const axes = [...g.shape.keys()];
  const terms = preconditioners.map((s, d) => np.einsum(s, [g.ndim, d], g.ref, axes, axes.with(d, g.ndim)));
  g.dispose();
  return terms.reduce((sum, term) => sum.add(term));
}
