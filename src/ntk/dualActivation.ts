/**
 * What an activation makes of a pair of normal numbers: E[a(u) a(v)] and E[a'(u) a'(v)], (u, v) of mean 0, the dual
 * activation and its derivative (Daniely, Frostig and Singer 2016). One hidden layer of an infinitely wide network.
 */

import { InputError } from '../errors.js';
import {
  type Activation,
  type Covariance,
  cosine,
  type Dual,
  leakyRelu,
  relu,
  sine,
  tanh,
  type WideActivation,
} from '../model/activation.js';
import * as texts from '../wgsl/activation.js';

const leak = texts.leakyReluConstants.LEAK;

/** In closed form but for tanh, which is integrated to about 1e-10 for deviations up to 5. Here, since no trainer wants it. */
const shipped: ReadonlyMap<Activation, WideActivation> = new Map<Activation, WideActivation>([
  [sine, { dual: sineDual, layerVariance: 2 }],
  [cosine, { dual: cosineDual, layerVariance: 2 }],
  [relu, { dual: reluDual, layerVariance: 2 }],
  [leakyRelu, { dual: leakyReluDual, layerVariance: 2 }],
  [tanh, { dual: tanhDual, layerVariance: 1 }],
]);

/** @throws InputError an activation of a host's own that does not say. */
export function wideActivation(activation: Activation): WideActivation {
  const found = activation.wide ?? shipped.get(activation);
  if (found) return found;
  throw new InputError(
    `activation ${activation.name}: its limit of infinite width is not known: give it \`wide\`, or use ${[...shipped.keys()].map(({ name }) => name).join(', ')}`,
  );
}

/** E[a(u) a(v)] and E[a'(u) a'(v)]. @throws InputError as `wideActivation`. */
export function dualActivation(activation: Activation, covariance: Covariance): Dual {
  return wideActivation(activation).dual(covariance);
}

/** From E[cos(u +- v)] = exp(-Var(u +- v) / 2): sin u sin v and cos u cos v are half their difference and sum. */
function sineDual({ uu, vv, uv }: Covariance): Dual {
  const [minus, plus] = [-1, 1].map(sign => Math.exp(-(uu + vv) / 2 - sign * uv) / 2);
  return { values: minus - plus, slopes: minus + plus };
}

function cosineDual(covariance: Covariance): Dual {
  const { values, slopes } = sineDual(covariance);
  return { values: slopes, slopes: values };
}

/** The arc-cosine kernels of order 1 and 0 (Cho and Saul 2009). */
function reluDual({ uu, vv, uv }: Covariance): Dual {
  const norm = Math.sqrt(uu * vv);
  if (norm === 0) return { values: 0, slopes: 0 };
  const cosine = Math.min(1, Math.max(-1, uv / norm));
  const angle = Math.acos(cosine);
  const sine = Math.sqrt(1 - cosine * cosine);
  return {
    values: (norm * (sine + (Math.PI - angle) * cosine)) / (2 * Math.PI),
    slopes: (Math.PI - angle) / (2 * Math.PI),
  };
}

/** Of leak u + (1 - leak) relu(u): E[u relu(v)] = Cov(u, v) / 2. */
function leakyReluDual(covariance: Covariance): Dual {
  const { values, slopes } = reluDual(covariance);
  const rest = (1 - leak) ** 2;
  return { values: leak * covariance.uv + rest * values, slopes: leak + rest * slopes };
}

/** The distance of the poles of tanh from the real axis. */
const poleDistance = Math.PI / 2;
const mostNodes = 512;

interface Nodes {
  readonly at: Float64Array;
  readonly weights: Float64Array;
}

/**
 * E[g(s)] for a standard normal s by the trapezoidal rule, whose error falls as exp(-2 pi d / step) where g has its
 * next pole at the distance d (Trefethen and Weideman 2014): no rule needs fewer nodes known in advance.
 *
 * @param deviation g(s) is a function of deviation * s with the poles of tanh.
 */
function trapezoid(deviation: number): Nodes {
  const reach = 8;
  const step = Math.max((2 * reach) / mostNodes, Math.min(0.6, (0.16 * poleDistance) / deviation));
  const half = Math.ceil(reach / step);
  const at = Float64Array.from({ length: 2 * half + 1 }, (_, i) => (i - half) * step);
  return { at, weights: at.map(s => (step * Math.exp((-s * s) / 2)) / Math.sqrt(2 * Math.PI)) };
}

/** u and v as sums of two independent normal numbers, over which it integrates. */
function tanhDual({ uu, vv, uv }: Covariance): Dual {
  const u = Math.sqrt(uu);
  const along = u === 0 ? 0 : uv / u;
  const across = Math.sqrt(Math.max(0, vv - along * along));
  const [outer, inner] = [trapezoid(Math.max(u, Math.abs(along))), trapezoid(across)];
  let [values, slopes] = [0, 0];
  outer.at.forEach((s, i) => {
    const a = Math.tanh(u * s);
    let [value, slope] = [0, 0];
    inner.at.forEach((t, j) => {
      const b = Math.tanh(along * s + across * t);
      value += inner.weights[j] * b;
      slope += inner.weights[j] * (1 - b * b);
    });
    values += outer.weights[i] * a * value;
    slopes += outer.weights[i] * (1 - a * a) * slope;
  });
  return { values, slopes };
}
