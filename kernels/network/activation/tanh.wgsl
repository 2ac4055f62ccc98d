// tanh(omega z).
//# import shared/tanh.wgsl

/// (a(omega z), d a(omega z) / dz).
fn activate(omega: f32, z: f32) -> vec2f {
  let t = hyperbolicTangent(omega * z);
  return vec2f(t, omega * (1.0 - t * t));
}
