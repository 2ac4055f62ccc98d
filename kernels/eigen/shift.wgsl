// X = X + s V for each of a batch of matrices, one a workgroup layer (z), s from the device: with X = V A this is V (A + s).

struct Problem {
  rows: u32,
  columns: u32,
  vectors: u32,        // first quad of V, quads from row to row; the same for X
  vectorsStride: u32,
  result: u32,
  resultStride: u32,
  shift: u32,          // its number
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> vectors: array<vec4f>;           // V: (rows, columns)
@group(0) @binding(2) var<storage, read> shift: array<f32>;               // one per problem
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;      // X: (rows, columns)

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let quads = (p.columns + 3u) / 4u;
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= p.rows * quads) { return; }
  let at = p.result + i / quads * p.resultStride + i % quads;
  result[at] = fma(vec4f(shift[p.shift]), vectors[p.vectors + i / quads * p.vectorsStride + i % quads], result[at]);
}
