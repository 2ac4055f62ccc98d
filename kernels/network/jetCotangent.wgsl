// The way back through a hidden layer's activation on jets, for a batch of factor networks: the cotangent at Z and its
// derivatives from that at H' = a(omega Z) and its derivatives.
//
//   Z, both cotangents (orders * points, columns) as in shared/equations/jets.wgsl. One thread per number of a point.
//# import shared/equations/layerCotangents.wgsl
//# slot derivatives sineDerivatives

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let at = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let point = at / p.columns;
  let column = at % p.columns;
  if (point >= p.points) { return; }
  let z = inputAt(p, point, column);
  let slope = composed(following(activationDerivatives(p.omega, z[0])), z);
  storeAt(p, point, column, multipliedCotangent(cotangentAt(p, point, column), slope));
}
