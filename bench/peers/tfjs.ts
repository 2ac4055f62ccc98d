/** TensorFlow.js on its WebGPU backend, as a peer of the benchmark. */

import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { batchMatMulGradConfig } from '@tensorflow/tfjs-core/dist/gradients/BatchMatMul_grad.js';
import { expandDimsGradConfig } from '@tensorflow/tfjs-core/dist/gradients/ExpandDims_grad.js';
import { multiplyGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Multiply_grad.js';
import { reshapeGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Reshape_grad.js';
import { sinGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Sin_grad.js';
import type { Device } from '../../src/device/device.js';
import type { Peer, PeerProduct, PeerStep, StepSetup } from './peer.js';
import { adam } from './setup.js';
import { equationStep } from './tfjsEquation.js';
import { combine, type Layer, networksOf, registerGradients } from './tfjsNetworks.js';

registerGradients([batchMatMulGradConfig, expandDimsGradConfig, multiplyGradConfig, reshapeGradConfig, sinGradConfig]);

/** The name that its WebGPU kernels are registered for. */
const backendName = 'webgpu';
let opened = false;

/**
 * TensorFlow.js on the caller's device. In Node `defineNodeGlobals` comes first.
 *
 * @throws Error where one is open already: the library computes on one backend at a time.
 */
export async function openTfjs({ gpu }: Device): Promise<Peer> {
  if (opened) throw new Error('tfjs is open already: dispose of it first');
  tf.enableProdMode();
  const backend = new WebGPUBackend(gpu, gpu.adapterInfo);
  // Where a browser has WebGPU the library has registered a backend that would open a device of its own.
  if (tf.findBackendFactory(backendName)) tf.removeBackend(backendName);
  tf.registerBackend(backendName, () => backend);
  if (!(await tf.setBackend(backendName))) throw new Error('tfjs did not take its WebGPU backend');
  opened = true;

  function flush(): void {
    // Up to 15 dispatches wait in its command encoder, which may have been submitted and be gone.
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.submitQueue();
  }

  return {
    name: 'tfjs',
    version: `@tensorflow/tfjs-backend-webgpu ${tf.version_core}`,
    product: async (size, left, right) => product(size, left, right, flush),
    step: async setup => step(setup, flush),
    equationStep: async setup => equationStep(setup, flush),
    dispose() {
      tf.removeBackend(backendName);
      opened = false;
    },
  };
}

function product(size: number, left: Float32Array, right: Float32Array, flush: () => void): PeerProduct {
  const a = tf.tensor2d(left, [size, size]);
  const b = tf.tensor2d(right, [size, size]);
  let result: tf.Tensor | undefined;
  return {
    async submit(times) {
      for (let i = 0; i < times; i++) {
        result?.dispose();
        result = tf.matMul(a, b);
      }
      flush();
    },
    async read() {
      if (!result) throw new Error('tfjs: a product is read once it has been submitted');
      return (await result.data()) as Float32Array;
    },
    dispose: () => tf.dispose([a, b, ...(result ? [result] : [])]),
  };
}

function step(setup: StepSetup, flush: () => void): PeerStep {
  const { grid } = setup;
  const omega = tf.scalar(setup.omega);
  const coordinates = setup.coordinates.map(x => tf.tensor2d(x, [x.length, 1]));
  const target = tf.tensor(setup.target, [...grid]);
  const preconditioners = setup.preconditioners?.map((s, d) => tf.tensor2d(s, [grid[d] as number, grid[d] as number]));
  const networks = networksOf(setup);
  const variables = networks.flat().flatMap(({ weight, bias }) => [weight, bias]);
  const optimiser = tf.train.adam(setup.learningRate, adam.b1, adam.b2, adam.epsilon);

  const model = () => combine(coordinates.map((x, d) => factor(networks[d] as Layer[], x, omega)));
  // A scalar, as `variableGrads` asks, whose cotangent at Z is P. Its value is used nowhere, so none is computed.
  const objective = tf.customGrad((z, save) => {
    (save as tf.GradSaveFunc)([z as tf.Tensor]);
    const gradFunc = (_: tf.Tensor, [z]: tf.Tensor[]) =>
      precondition(tf.sub(z as tf.Tensor, target), preconditioners) as tf.Tensor;
    return { value: tf.scalar(0), gradFunc };
  });

  return {
    async submit(times) {
      for (let i = 0; i < times; i++) {
        optimiser.minimize(() => objective(model()) as tf.Scalar, false, variables);
      }
      flush();
    },
    async loss() {
      const loss = tf.tidy(() => tf.mul(tf.sum(tf.square(tf.sub(model(), target))), 0.5));
      const [value] = await loss.data();
      loss.dispose();
      return value as number;
    },
    dispose() {
      optimiser.dispose();
      tf.dispose([omega, ...variables, ...coordinates, target, ...(preconditioners ?? [])]);
    },
  };
}

/** F_d = f_d(x_d), (n_d, R), of coordinates (n_d, 1). */
function factor(layers: readonly Layer[], x: tf.Tensor2D, omega: tf.Scalar): tf.Tensor2D {
  return layers.reduce((h, { weight, bias }, l) => {
    const input = l === 0 ? h : tf.sin(tf.mul(h, omega));
    return tf.fused.matMul({ a: input, b: weight, transposeB: true, bias }) as tf.Tensor2D;
  }, x);
}

/** P = sum_d G x_d S_d, or G itself, (n_1 .. n_D). */
function precondition(g: tf.Tensor, preconditioners: readonly tf.Tensor2D[] | undefined): tf.Tensor {
  if (!preconditioners) return g;
  return tf.addN(preconditioners.map((s, d) => modeProduct(g, d, s)));
}

/** G x_d S, (n_1 .. n_D): over the axes before d a batch, over those after d the columns. */
function modeProduct(g: tf.Tensor, axis: number, s: tf.Tensor2D): tf.Tensor {
  const size = g.shape[axis] as number;
  if (axis === g.rank - 1) {
    return tf.reshape(tf.matMul(tf.reshape(g, [-1, size]), s, false, true), g.shape);
  }
  const batch = g.shape.slice(0, axis).reduce((a, b) => a * b, 1);
  return tf.reshape(tf.matMul(s, tf.reshape(g, [batch, size, -1])), g.shape);
}
