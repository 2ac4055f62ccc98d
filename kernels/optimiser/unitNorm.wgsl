// Each matrix of a batch scaled to norm 1 in place: X <- X / (|X|_F + 1e-7), |X|_F^2 given as a sum of parts.
//# import shared/workgroupSum.wgsl

struct Problem {
  rows: u32,
  columns: u32,
  matrix: u32,     // first quad of X, quads from row to row
  stride: u32,
  squares: u32,    // the first part, and how many there are
  parts: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> matrix: array<vec4f>;   // X: (rows, columns)

const WORKGROUP = 64u;
const ROWS = 4u;       // to a thread, each of them a quad
const LEAST_NORM = 1e-7;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.z];
  let quads = (p.columns + 3u) / 4u;
  if (group.x * WORKGROUP >= quads || group.y * ROWS >= p.rows) { return; }
  var sum = 0.0;
  for (var i = lane; i < p.parts; i += WORKGROUP) { sum += squares[p.squares + i]; }
  let norm = sqrt(workgroupSum(lane, sum)) + LEAST_NORM;
  let column = group.x * WORKGROUP + lane;
  if (column >= quads) { return; }
  for (var row = group.y * ROWS; row < min(p.rows, (group.y + 1u) * ROWS); row++) {
    matrix[p.matrix + row * p.stride + column] /= norm;
  }
}
