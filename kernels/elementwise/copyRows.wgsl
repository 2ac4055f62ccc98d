// Rows of matrices from one buffer to another, where they may lie at another distance: packed, or in whole quads.
// For a batch of matrices, one a workgroup layer (z). What lies between the rows of the result is left as it is.

struct Problem {
  rows: u32,
  columns: u32,
  input: u32,          // first number, numbers from row to row; the same for the result
  inputStride: u32,
  result: u32,
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> input: array<u32>;               // (rows, columns), whatever the bits mean
@group(0) @binding(2) var<storage, read_write> result: array<u32>;        // (rows, columns)

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= p.rows * p.columns) { return; }
  let row = i / p.columns;
  let column = i % p.columns;
  result[p.result + row * p.resultStride + column] = input[p.input + row * p.inputStride + column];
}
