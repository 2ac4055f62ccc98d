// The jets of hidden layers on their way from Z to H': see kernels/network/jet.wgsl and kernels/network/gatedJet.wgsl.
//# import shared/equations/layerJets.wgsl

struct Problem {
  points: u32,
  columns: u32,        // the layer's width
  order: u32,          // the highest derivative that this network carries
  omega: f32,
  input: u32,          // first number of Z, numbers from row to row
  inputStride: u32,
  result: u32,         // the same for H', and what else has a column of ones
  resultStride: u32,
}

@group(0) @binding(2) var<storage, read_write> result: array<f32>;       // H' of every network

fn storeAt(p: Problem, point: u32, column: u32, h: array<f32, 5>) {
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) { result[p.result + (k * p.points + point) * p.resultStride + column] = h[k]; }
  }
}
