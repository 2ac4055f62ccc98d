// The VJP of the CP contraction on scattered points, for a batch of models and all axes at once, point by point:
// M_d[i, r] = scale * P[i] * prod_{d' != d} F_d'[i, r].
//
//   P (points), F_d and M_d (points, rank), row-major in rows of whole quads.
//
// One thread per quad of a point's rank: it reads that quad of every F_d once. The product without d is that of the axes
// before it by that of the axes after it, since a factor may be zero and so cannot be divided out.
//# import shared/scattered.wgsl

struct Problem {
  points: u32,
  rank: u32,
  scale: f32,
  factor: u32,         // first quad of F_1, quads from row to row
  factorStride: u32,
  cotangent: u32,      // first number of P
  result: u32,         // first quad of M_1, quads from row to row
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> cotangent: array<f32>;          // P of every model
@group(0) @binding(2) var<storage, read> factor: array<vec4f>;           // F_1 .. F_D of every model
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // M_1 .. M_D of every model

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let quads = (p.rank + 3u) / 4u;
  let point = i / quads;
  if (point >= p.points) { return; }
  let column = 4u * (i % quads);
  var factors = array<vec4f, AXES>();
  var products = array<vec4f, AXES>();
  var before = vec4f(p.scale * cotangent[p.cotangent + point]);
  //# unroll
  for (var d = 0u; d < AXES; d++) {
    factors[d] = factorAt(p, d, point, column);
    products[d] = before;
    before *= factors[d];
  }
  var behind = vec4f(1.0);
  //# unroll
  for (var d = 1u; d <= AXES; d++) {
    let axis = AXES - d;
    result[p.result + (axis * p.points + point) * p.resultStride + column / 4u] = products[axis] * behind;
    behind *= factors[axis];
  }
}
