// The CP contraction on scattered points, for a batch of models: Z[i] = scale * sum_r F_1[i, r] F_2[i, r] .. F_D[i, r].
//
//   F_d (points, rank), row-major in rows of whole quads; Z (points).
//
// One thread per point: a factor's number serves one point alone, so there is nothing to share.
//# import shared/scattered.wgsl

struct Problem {
  points: u32,
  rank: u32,
  scale: f32,
  factor: u32,         // first quad of F_1, quads from row to row
  factorStride: u32,
  result: u32,         // first number of Z
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> factor: array<vec4f>;           // F_1 .. F_D of every model
@group(0) @binding(2) var<storage, read_write> result: array<f32>;       // Z of every model

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let point = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (point >= p.points) { return; }
  var sum = vec4f();
  for (var column = 0u; column < p.rank; column += 4u) {
    var product = factorAt(p, 0u, point, column);
    //# unroll
    for (var d = 1u; d < AXES; d++) {
      product *= factorAt(p, d, point, column);
    }
    sum += select(vec4f(), product, first(p.rank - column));
  }
  result[p.result + point] = p.scale * (sum.x + sum.y + sum.z + sum.w);
}
