// The way back through a hidden layer's activation on jets, for a batch of factor networks: the cotangent at Z and its
// derivatives from that at H' = a(omega Z) and its derivatives.
//
//   Z, both cotangents (orders * points, columns) as in shared/equations/jets.wgsl. One thread per number of a point.
//# import shared/equations/layerJets.wgsl
//# slot derivatives sineDerivatives

struct Problem {
  points: u32,
  columns: u32,        // the layer's width
  order: u32,          // the highest derivative that this network carries
  omega: f32,
  input: u32,          // first number of Z, numbers from row to row; the same for both cotangents
  inputStride: u32,
  cotangent: u32,
  cotangentStride: u32,
  result: u32,
  resultStride: u32,
}

@group(0) @binding(2) var<storage, read> cotangent: array<f32>;          // at H' of every network
@group(0) @binding(3) var<storage, read_write> result: array<f32>;       // at Z of every network

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let at = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let point = at / p.columns;
  let column = at % p.columns;
  if (point >= p.points) { return; }
  let z = inputAt(p, point, column);
  var g = array<f32, 5>();
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) {
      g[k] = cotangent[p.cotangent + (k * p.points + point) * p.cotangentStride + column];
    }
  }
  let slope = composed(following(activationDerivatives(p.omega, z[0])), z);
  let d = multipliedCotangent(g, slope);
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) { result[p.result + (k * p.points + point) * p.resultStride + column] = d[k]; }
  }
}
