export interface AdamSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly decoupled: boolean;
}

/** Kingma and Ba 2015, algorithm 1, with weight decay as L2 or decoupled (Loshchilov and Hutter 2019). New arrays. */
export function adam(
  p: Float64Array,
  gradient: Float64Array,
  m: Float64Array,
  v: Float64Array,
  t: number,
  s: AdamSettings,
): { p: Float64Array; m: Float64Array; v: Float64Array } {
  const g = gradient.map((x, i) => (s.decoupled ? x : x + s.weightDecay * p[i]));
  const first = m.map((x, i) => s.beta1 * x + (1 - s.beta1) * g[i]);
  const second = v.map((x, i) => s.beta2 * x + (1 - s.beta2) * g[i] ** 2);
  const next = p.map((x, i) => {
    const mHat = first[i] / (1 - s.beta1 ** t);
    const vHat = second[i] / (1 - s.beta2 ** t);
    const shrunk = s.decoupled ? x - s.learningRate * s.weightDecay * x : x;
    return shrunk - (s.learningRate * mHat) / (Math.sqrt(vHat) + s.epsilon);
  });
  return { p: next, m: first, v: second };
}
