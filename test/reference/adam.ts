export interface AdamSettings {
  readonly rate: number;
  readonly b1: number;
  readonly b2: number;
  readonly epsilon: number;
  readonly decay: number;
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
  const g = gradient.map((x, i) => (s.decoupled ? x : x + s.decay * p[i]));
  const first = m.map((x, i) => s.b1 * x + (1 - s.b1) * g[i]);
  const second = v.map((x, i) => s.b2 * x + (1 - s.b2) * g[i] ** 2);
  const next = p.map((x, i) => {
    const mHat = first[i] / (1 - s.b1 ** t);
    const vHat = second[i] / (1 - s.b2 ** t);
    const shrunk = s.decoupled ? x - s.rate * s.decay * x : x;
    return shrunk - (s.rate * mHat) / (Math.sqrt(vHat) + s.epsilon);
  });
  return { p: next, m: first, v: second };
}
