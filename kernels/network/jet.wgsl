// A hidden layer's activation on jets, for a batch of factor networks: from Z and its derivatives by a network's one
// coordinate to those of H' = a(omega Z).
//
//   Z (orders * points, columns) and H' (orders * points, columns + 1) as in shared/equations/jets.wgsl. The last column of H' is
//   that of ones, whose derivatives are zero. One thread per number of H'.
//# import shared/equations/activatedJets.wgsl
//# slot derivatives sineDerivatives

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
    h = composed(leading(activationDerivatives(p.omega, z[0])), z);
  }
  storeAt(p, point, column, h);
}
