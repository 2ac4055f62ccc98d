// What Adam's moments are divided by after t steps from zero.

/// 1 - beta^t, without cancellation where beta^t is near 1.
fn biasCorrection(logBeta: f32, t: f32) -> f32 {
  let x = logBeta * t;
  return select(1.0 - exp(x), -x * fma(x, fma(x, 1.0 / 6.0, 0.5), 1.0), x > -0.02);
}
