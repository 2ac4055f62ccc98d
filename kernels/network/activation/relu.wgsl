// max(omega z, 0), and a NaN where z is one.
//# import shared/finite.wgsl

/// (a(omega z), d a(omega z) / dz). The derivative at 0 is 0, as in PyTorch.
fn activate(omega: f32, z: f32) -> vec2f {
  let x = omega * z;
  return select(vec2f(0.0), vec2f(x, omega), x > 0.0 || isNan(x));
}
