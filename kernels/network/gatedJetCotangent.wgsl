// The way back through a hidden layer of gated networks on jets, for a batch of them: the cotangents at Z, U and V and
// their derivatives from that at H' = (1 - S) U + S V with S = a(omega Z). Those at U and V are written, or added to
// what other layers left (ADDS).
//
//   Z and the cotangents (orders * points, columns), U and V (orders * points, columns + 1) as in shared/equations/jets.wgsl. One
//   thread per number of a point.
//# import shared/equations/layerCotangents.wgsl
//# slot derivatives sineDerivatives

@group(0) @binding(4) var<storage, read> closed: array<f32>;                   // U of every network
@group(0) @binding(5) var<storage, read> open: array<f32>;                     // V of every network
@group(0) @binding(6) var<storage, read_write> closedCotangent: array<f32>;    // at U of every network
@group(0) @binding(7) var<storage, read_write> openCotangent: array<f32>;      // at V of every network

const ADDS = false;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let at = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let point = at / p.columns;
  let column = at % p.columns;
  if (point >= p.points) { return; }
  let z = inputAt(p, point, column);
  let g = cotangentAt(p, point, column);
  var difference = array<f32, 5>();
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) {
      let entry = activatedEntry(p, k, point, column);
      difference[k] = open[entry] - closed[entry];
    }
  }
  let derivatives = activationDerivatives(p.omega, z[0]);
  let gate = composed(leading(derivatives), z);
  let atOpen = multipliedCotangent(g, gate);
  storeAt(p, point, column, multipliedCotangent(multipliedCotangent(g, difference), composed(following(derivatives), z)));
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) {
      let entry = inputEntry(p, k, point, column);
      if (ADDS) {
        closedCotangent[entry] += g[k] - atOpen[k];
        openCotangent[entry] += atOpen[k];
      } else {
        closedCotangent[entry] = g[k] - atOpen[k];
        openCotangent[entry] = atOpen[k];
      }
    }
  }
}
