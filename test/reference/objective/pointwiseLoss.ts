export type LossName = 'squared-error' | 'bce-with-logits';

/** The loss of Z against Y and its cotangent dL/dZ; a NaN in Y leaves its point out. */
export function pointwiseLoss(
  z: Float64Array,
  y: Float64Array,
  name: LossName,
): { loss: number; cotangent: Float64Array } {
  let loss = 0;
  const cotangent = z.map((value, i) => {
    if (Number.isNaN(y[i])) return 0;
    if (name === 'squared-error') {
      loss += (value - y[i]) ** 2 / 2;
      return value - y[i];
    }
    loss += Math.max(value, 0) - value * y[i] + Math.log1p(Math.exp(-Math.abs(value)));
    return 1 / (1 + Math.exp(-value)) - y[i];
  });
  return { loss, cotangent };
}
