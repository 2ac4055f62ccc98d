// The jets of hidden layers, a batch of them: Z of every network, and what has a column of ones beside it, as in
// shared/equations/jets.wgsl.
//# import shared/equations/jets.wgsl

struct Problem {
  points: u32,
  columns: u32,          // the layer's width
  order: u32,            // the highest derivative that this network carries
  omega: f32,
  input: u32,            // first number of Z, numbers from row to row; the same for cotangents, which have its columns
  inputStride: u32,
  activated: u32,        // the same for what has a column of ones: H', U and V
  activatedStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> input: array<f32>;              // Z of every network

const WORKGROUP = 64u;

/// Where derivative k stands in Z and in cotangents.
fn inputEntry(p: Problem, k: u32, point: u32, column: u32) -> u32 {
  return p.input + (k * p.points + point) * p.inputStride + column;
}

/// Where derivative k stands beside a column of ones.
fn activatedEntry(p: Problem, k: u32, point: u32, column: u32) -> u32 {
  return p.activated + (k * p.points + point) * p.activatedStride + column;
}

fn inputAt(p: Problem, point: u32, column: u32) -> array<f32, 5> {
  var z = array<f32, 5>();
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) { z[k] = input[inputEntry(p, k, point, column)]; }
  }
  return z;
}
