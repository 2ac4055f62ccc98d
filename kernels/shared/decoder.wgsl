// The parameters of a decoder as its kernels read them.
//
// The kernel that imports this file has the binding parameter and in its Problem: bias, the first number of b_0, and
// biasStride, the numbers from one to the next.
//# import shared/quads.wgsl

fn numberAt(index: u32) -> f32 {
  return parameter[index / 4u][index % 4u];
}

/// b_0 of a hidden unit.
fn biasOf(p: Problem, unit: u32) -> f32 {
  return numberAt(p.bias + unit * p.biasStride);
}

/// Four quads of [W_1 | b_1], a row apart, the first at `quad`; rows from `last` on repeat.
fn weightQuads(quad: u32, stride: u32, row: u32, last: u32) -> mat4x4f {
  return mat4x4f(parameter[quad + min(row, last) * stride], parameter[quad + min(row + 1u, last) * stride],
                 parameter[quad + min(row + 2u, last) * stride], parameter[quad + min(row + 3u, last) * stride]);
}
