// tanh(omega z). With t = tanh x, every derivative by x is a polynomial in t times 1 - t^2.
//# import shared/tanh.wgsl

/// a(omega z), and its derivatives by z up to the fifth.
fn activationDerivatives(omega: f32, z: f32) -> array<f32, 6> {
  let t = hyperbolicTangent(omega * z);
  let square = t * t;
  let first = omega * (1.0 - square);
  let second = omega * omega;
  return array<f32, 6>(
    t, first, -2.0 * omega * t * first, second * (6.0 * square - 2.0) * first,
    second * omega * t * (16.0 - 24.0 * square) * first,
    second * second * (16.0 + square * (120.0 * square - 120.0)) * first);
}
