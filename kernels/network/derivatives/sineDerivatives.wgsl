// sin(omega z).
//# import shared/sine.wgsl

/// a(omega z), and its derivatives by z up to the fifth.
fn activationDerivatives(omega: f32, z: f32) -> array<f32, 6> {
  let pair = sineCosine(omega * z);
  let second = omega * omega;
  return array<f32, 6>(
    pair.x, omega * pair.y, -second * pair.x, -second * omega * pair.y, second * second * pair.x,
    second * second * omega * pair.y);
}
