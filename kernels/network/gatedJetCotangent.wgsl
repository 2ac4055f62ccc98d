// The way back through a hidden layer of gated networks on jets, for a batch of them: the cotangents at Z, U and V and
// their derivatives from that at H' = (1 - S) U + S V with S = a(omega Z). Those at U and V are written, or added to
// what other layers left (ADDS).
//
//   Z and the cotangents (orders * points, columns), U and V (orders * points, columns + 1) as in shared/equations/jets.wgsl. One
//   thread per number of a point.
//# import shared/equations/layerJets.wgsl
//# slot derivatives sineDerivatives

struct Problem {
  points: u32,
  columns: u32,        // the layer's width
  order: u32,          // the highest derivative that this network carries
  omega: f32,
  input: u32,          // first number of Z, numbers from row to row; the same for all cotangents
  inputStride: u32,
  gates: u32,          // the same for U and V
  gatesStride: u32,
}

@group(0) @binding(2) var<storage, read> closed: array<f32>;                   // U of every network
@group(0) @binding(3) var<storage, read> open: array<f32>;                     // V of every network
@group(0) @binding(4) var<storage, read> cotangent: array<f32>;                // at H' of every network
@group(0) @binding(5) var<storage, read_write> result: array<f32>;             // at Z of every network
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
  var difference = array<f32, 5>();
  var g = array<f32, 5>();
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) {
      let gates = p.gates + (k * p.points + point) * p.gatesStride + column;
      difference[k] = open[gates] - closed[gates];
      g[k] = cotangent[p.input + (k * p.points + point) * p.inputStride + column];
    }
  }
  let derivatives = activationDerivatives(p.omega, z[0]);
  let gate = composed(leading(derivatives), z);
  let d = multipliedCotangent(multipliedCotangent(g, difference), composed(following(derivatives), z));
  let atOpen = multipliedCotangent(g, gate);
  //# unroll
  for (var k = 0u; k <= ORDER; k++) {
    if (k <= p.order) {
      let number = p.input + (k * p.points + point) * p.inputStride + column;
      result[number] = d[k];
      if (ADDS) {
        closedCotangent[number] += g[k] - atOpen[k];
        openCotangent[number] += atOpen[k];
      } else {
        closedCotangent[number] = g[k] - atOpen[k];
        openCotangent[number] = atOpen[k];
      }
    }
  }
}
