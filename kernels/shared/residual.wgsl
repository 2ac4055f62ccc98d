// The loss and its cotangent at the output of a model, for the stores of a contraction. A NaN in the target marks a
// point that is left out; it is told by its bits, since a device may take x != x for false.
//
//   SQUARES          L = sum (Z - Y)^2 / 2                           G = Z - Y
//   CROSS_ENTROPY    L = sum max(Z, 0) - Z Y + log(1 + exp(-|Z|))    G = sigmoid(Z) - Y
//
// The kernel that imports this file has the binding loss, and its finish calls writeLoss.

const SQUARES = 0u;
const CROSS_ENTROPY = 1u;
const LOSS = SQUARES;

var<private> lossSum: f32;

/// log(1 + e) for 0 < e <= 1, to 2e-7 relative: 2 atanh(e / (2 + e)).
fn logOnePlus(e: f32) -> f32 {
  let s = e / (2.0 + e);
  let z = s * s;
  let series = fma(z, fma(z, fma(z, fma(z, 1.215416e-1f, 1.0712926e-1f), 1.4308518e-1f), 1.9999437e-1f), 3.3333337e-1f);
  return 2.0 * fma(s * z, series, s);
}

/// G at one point; its loss is added to the invocation's.
fn residual(z: f32, targetBits: u32) -> f32 {
  if ((targetBits & 0x7fffffffu) > 0x7f800000u) { return 0.0; }
  let y = bitcast<f32>(targetBits);
  if (LOSS == SQUARES) {
    lossSum = fma(0.5 * (z - y), z - y, lossSum);
    return z - y;
  }
  let e = exp(-abs(z));
  lossSum += max(z, 0.0) - z * y + logOnePlus(e);
  return select(e, 1.0, z >= 0.0) / (1.0 + e) - y;
}

fn writeLoss(invocation: u32) {
  loss[invocation] = lossSum;
}
