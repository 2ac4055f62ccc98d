// The gradients of a decoder's layers but for W_0, for a batch of models, from the sums C over the pieces of their points
// (kernels/readout/decodeSums.wgsl):
//
//   dW_1[o, h] = sum C[o, h], db_1[o] = sum C[o, 2 hidden], db_0[h] = sum_o W_1[o, h] sum C[o, hidden + h], dW_0 = 0
//
//   d[W_0 | b_0] (hidden, products + 1), d[W_1 | b_1] (outputs, hidden + 1), of rows of whole quads.
//
// One thread per number of both.

struct Problem {
  outputs: u32,
  units: u32,          // hidden
  products: u32,
  pieces: u32,
  sums: u32,           // first number of C of the first piece, numbers from row to row; pieces follow each other
  sumsStride: u32,
  first: u32,          // first number of [W_0 | b_0], numbers from row to row, in parameters and gradient alike
  firstStride: u32,
  second: u32,         // the same of [W_1 | b_1]
  secondStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> parameter: array<f32>;        // [W_0 | b_0] and [W_1 | b_1] of every model
@group(0) @binding(2) var<storage, read> sums: array<f32>;             // C of every piece of every model
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;   // of the parameters

const WORKGROUP = 64u;

/// sum C[row, column] over the pieces.
fn sumOf(p: Problem, row: u32, column: u32) -> f32 {
  var sum = 0.0;
  for (var piece = 0u; piece < p.pieces; piece++) {
    sum += sums[p.sums + (piece * p.outputs + row) * p.sumsStride + column];
  }
  return sum;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let before = p.units * (p.products + 1u);
  if (i < before) {
    let unit = i / (p.products + 1u);
    let column = i % (p.products + 1u);
    var sum = 0.0;
    if (column == p.products) {
      for (var row = 0u; row < p.outputs; row++) {
        sum += parameter[p.second + row * p.secondStride + unit] * sumOf(p, row, p.units + unit);
      }
    }
    gradient[p.first + unit * p.firstStride + column] = sum;
  } else if (i < before + p.outputs * (p.units + 1u)) {
    let row = (i - before) / (p.units + 1u);
    let column = (i - before) % (p.units + 1u);
    gradient[p.second + row * p.secondStride + column] = sumOf(p, row, select(column, 2u * p.units, column == p.units));
  }
}
