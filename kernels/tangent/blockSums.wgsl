// What the square blocks of symmetric matrices add up to, for a batch of them:
//
//   K[i, j] = sum over k and l of T[k points + i, l points + j]
//
//   T (blocks points, blocks points), K (rows, rows) with rows <= points. One thread per number on or above the diagonal,
//   which writes it below as well: K is symmetric to the bit.

struct Problem {
  rows: u32,
  points: u32,         // rows and columns of a block
  blocks: u32,         // in a row of T
  input: u32,          // first number of T, numbers from row to row
  inputStride: u32,
  result: u32,         // the same for K
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> input: array<f32>;              // T of every matrix
@group(0) @binding(2) var<storage, read_write> result: array<f32>;       // K of every matrix

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let at = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let row = at / p.rows;
  let column = at % p.rows;
  if (row >= p.rows || column < row) { return; }
  var sum = 0.0;
  for (var k = 0u; k < p.blocks; k++) {
    for (var l = 0u; l < p.blocks; l++) {
      sum += input[p.input + (k * p.points + row) * p.inputStride + l * p.points + column];
    }
  }
  result[p.result + row * p.resultStride + column] = sum;
  result[p.result + column * p.resultStride + row] = sum;
}
