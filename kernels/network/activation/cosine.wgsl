// cos(omega z).
//# import shared/sine.wgsl

/// (a(omega z), d a(omega z) / dz).
fn activate(omega: f32, z: f32) -> vec2f {
  let pair = sineCosine(omega * z);
  return vec2f(pair.y, -omega * pair.x);
}
