// The sum of the squares of each tensor of a stack: a workgroup per tensor. Padding is left out.
//# import shared/workgroupSum.wgsl

struct Problem {
  rows: u32,
  columns: u32,
  input: u32,          // first number, numbers from row to row
  inputStride: u32,
  result: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> input: array<f32>;           // (rows, columns) for each problem
@group(0) @binding(2) var<storage, read_write> result: array<f32>;    // one per problem

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.z];
  var squares = 0.0;
  for (var i = lane; i < p.rows * p.columns; i += WORKGROUP) {
    let x = input[p.input + (i / p.columns) * p.inputStride + i % p.columns];
    squares = fma(x, x, squares);
  }
  let total = workgroupSum(lane, squares);
  if (lane == 0u) { result[p.result] = total; }
}
