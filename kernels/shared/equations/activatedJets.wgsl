// The jets of hidden layers on their way from Z to H': see kernels/network/jet.wgsl and kernels/network/gatedJet.wgsl.
//# import shared/equations/layerJets.wgsl

@group(0) @binding(2) var<storage, read_write> result: array<f32>;       // H' of every network

fn storeAt(p: Problem, point: u32, column: u32, h: array<f32, 5>) {
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) { result[activatedEntry(p, k, point, column)] = h[k]; }
  }
}
