// A hidden layer of gated networks on jets (Wang, Teng and Perdikaris 2021, section 2.6), for a batch of them: from Z,
// U, V and their derivatives by a network's one coordinate to those of H' = (1 - S) U + S V with S = a(omega Z).
//
//   Z (orders * points, columns), U, V and H' (orders * points, columns + 1) as in shared/equations/jets.wgsl. The last column of
//   H' is that of ones, whose derivatives are zero. One thread per number of H'.
//# import shared/equations/activatedJets.wgsl
//# slot derivatives sineDerivatives

@group(0) @binding(3) var<storage, read> closed: array<f32>;             // U of every network
@group(0) @binding(4) var<storage, read> open: array<f32>;               // V of every network

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let at = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let point = at / (p.columns + 1u);
  let column = at % (p.columns + 1u);
  if (point >= p.points) { return; }
  var h = array<f32, 5>(1.0, 0.0, 0.0, 0.0, 0.0);
  if (column < p.columns) {
    let z = inputAt(p, point, column);
    var u = array<f32, 5>();
    var difference = array<f32, 5>();
    //# unroll
    for (var k = 0u; k <= ORDER; k++) {
      if (k <= p.order) {
        let entry = activatedEntry(p, k, point, column);
        u[k] = closed[entry];
        difference[k] = open[entry] - u[k];
      }
    }
    let gate = composed(leading(activationDerivatives(p.omega, z[0])), z);
    h = multiplied(gate, difference);
    //# unroll
    for (var k = 0u; k <= ORDER; k++) {
      h[k] += u[k];
    }
  }
  storeAt(p, point, column, h);
}
