// Sums of a table over one of the two indices of its rows, weighted by the rows of a matrix, for a batch of problems:
//
//   C[i, r] = sum_k X[k, r] T[i, k, r], T's rows being (i, k) or (k, i).
//
//   X (inner, columns), C (rows, columns), row-major in rows of whole quads.
//
// One thread per quad of C.

struct Problem {
  rows: u32,
  columns: u32,
  inner: u32,
  table: u32,          // first quad of T
  rowStride: u32,      // quads of T from one i to the next
  innerStride: u32,    // and from one k to the next
  weight: u32,         // first quad of X, quads from row to row
  weightStride: u32,
  result: u32,         // first quad of C, quads from row to row
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> table: array<vec4f>;            // T of every model
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;           // X of every problem
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // C of every problem

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let quads = (p.columns + 3u) / 4u;
  let row = i / quads;
  let column = i % quads;
  if (row >= p.rows) { return; }
  var sum = vec4f();
  for (var k = 0u; k < p.inner; k++) {
    sum += weight[p.weight + k * p.weightStride + column] * table[p.table + row * p.rowStride + k * p.innerStride + column];
  }
  result[p.result + row * p.resultStride + column] = sum;
}
