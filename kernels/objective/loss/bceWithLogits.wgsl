// Binary cross-entropy of a logit z: max(z, 0) - z y + log(1 + exp(-|z|)), and its derivative sigmoid(z) - y.

/// log(1 + e) for 0 < e <= 1, to 2e-7 relative: 2 atanh(e / (2 + e)).
fn logOnePlus(e: f32) -> f32 {
  let s = e / (2.0 + e);
  let z = s * s;
  let series = fma(z, fma(z, fma(z, fma(z, 1.215416e-1f, 1.0712926e-1f), 1.4308518e-1f), 1.9999437e-1f), 3.3333337e-1f);
  return 2.0 * fma(s * z, series, s);
}

/// (the loss of an output z against a target y, its derivative by z).
fn lossAt(z: f32, y: f32) -> vec2f {
  let e = exp(-abs(z));
  return vec2f(max(z, 0.0) - z * y + logOnePlus(e), select(e, 1.0, z >= 0.0) / (1.0 + e) - y);
}
