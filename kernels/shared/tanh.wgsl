// Hyperbolic tangent to 2e-7 relative: drivers lose relative accuracy near zero (5e-5 and worse was seen).
//# import shared/finite.wgsl

/// tanh x: an odd minimax polynomial below 0.55, the exponential form above, and x itself where it is a NaN.
fn hyperbolicTangent(x: f32) -> f32 {
  let a = abs(x);
  let z = a * a;
  let near = fma(a * z,
    fma(z, fma(z, fma(z, fma(z, -6.280413e-3f, 2.1076394e-2f), -5.3853553e-2f), 1.33326e-1f), -3.333332e-1f), a);
  let far = 1.0 - 2.0 / (exp(2.0 * min(a, 20.0)) + 1.0);
  return select(select(far, near, a < 0.55) * select(-1.0, 1.0, x >= 0.0), x, isNan(x));
}
