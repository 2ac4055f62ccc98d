// The jets of hidden layers, a batch of them: Z of every network as in shared/equations/jets.wgsl.
//
// The kernel that imports this file has in its Problem: points, order, the highest derivative that a network carries,
// input, the first number of Z, and inputStride, the numbers from row to row.
//# import shared/equations/jets.wgsl

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> input: array<f32>;              // Z of every network

const WORKGROUP = 64u;

fn inputAt(p: Problem, point: u32, column: u32) -> array<f32, 5> {
  var z = array<f32, 5>();
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) { z[k] = input[p.input + (k * p.points + point) * p.inputStride + column]; }
  }
  return z;
}
