// omega z above 0, and LEAK times as much below.

const LEAK = 0.01f;

/// (a(omega z), d a(omega z) / dz). The derivative at 0 is that from below, as in PyTorch.
fn activate(omega: f32, z: f32) -> vec2f {
  let x = omega * z;
  return vec2f(x, omega) * select(LEAK, 1.0, x > 0.0);
}
