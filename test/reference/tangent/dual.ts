import { type ActivationName, activation, slope } from '../network/activation.js';

/** E[a(u) a(v)] and E[a'(u) a'(v)] for (u, v) normal of mean 0: the plain sum over a fine grid of two normal numbers. */
export function dual(
  name: ActivationName,
  { uu, vv, uv }: { readonly uu: number; readonly vv: number; readonly uv: number },
  nodes: number,
): { values: number; slopes: number } {
  const along = uv / Math.sqrt(uu);
  const across = Math.sqrt(Math.max(0, vv - along * along));
  const [reach, step] = [8, 16 / nodes];
  const normal = (s: number) => (step * Math.exp((-s * s) / 2)) / Math.sqrt(2 * Math.PI);
  const at = Array.from({ length: nodes }, (_, i) => -reach + (i + 0.5) * step);
  const weights = at.map(normal);
  let [values, slopes] = [0, 0];
  at.forEach((s, i) => {
    const [a, da] = [activation(name, 1, Math.sqrt(uu) * s), slope(name, 1, Math.sqrt(uu) * s)];
    let [value, derivative] = [0, 0];
    at.forEach((t, j) => {
      const v = along * s + across * t;
      value += weights[j] * activation(name, 1, v);
      derivative += weights[j] * slope(name, 1, v);
    });
    values += weights[i] * a * value;
    slopes += weights[i] * da * derivative;
  });
  return { values, slopes };
}
