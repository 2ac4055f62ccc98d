// The hidden units of a decoder.
//
// The kernel that imports this file has the binding number and in its Problem: bias, the first number of b_0, and
// biasStride, the numbers from one to the next.
//# import shared/quads.wgsl

/// a(z + b_0) and a'(z + b_0) of four points of a hidden unit.
fn activated(p: Problem, unit: u32, z: vec4f) -> array<vec4f, 2> {
  let x = z + number[p.bias + unit * p.biasStride];
  let pairs = transpose(mat4x2f(activate(1.0, x.x), activate(1.0, x.y), activate(1.0, x.z), activate(1.0, x.w)));
  return array<vec4f, 2>(pairs[0], pairs[1]);
}
