// The cotangents of hidden layers' jets on their way from H' to Z: see kernels/network/jetCotangent.wgsl and
// kernels/network/gatedJetCotangent.wgsl. That at H' is without its column of ones.
//# import shared/equations/layerJets.wgsl

@group(0) @binding(2) var<storage, read> cotangent: array<f32>;          // at H' of every network
@group(0) @binding(3) var<storage, read_write> result: array<f32>;       // at Z of every network

fn cotangentAt(p: Problem, point: u32, column: u32) -> array<f32, 5> {
  var g = array<f32, 5>();
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) { g[k] = cotangent[inputEntry(p, k, point, column)]; }
  }
  return g;
}

fn storeAt(p: Problem, point: u32, column: u32, d: array<f32, 5>) {
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) { result[inputEntry(p, k, point, column)] = d[k]; }
  }
}
