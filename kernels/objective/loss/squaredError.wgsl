// Half the squared error: (z - y)^2 / 2.

/// (the loss of an output z against a target y, its derivative by z).
fn lossAt(z: f32, y: f32) -> vec2f {
  let difference = z - y;
  return vec2f(0.5 * difference * difference, difference);
}
