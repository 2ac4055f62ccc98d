// The cotangent at the core in kernels/contraction/ttStep.wgsl, for a batch of models:
//
//   M_d[i, r, s] = sum_a T_{d-1}[a, r] dT_d[a, i, s]
//
//   T_{d-1} (inner, R_{d-1}), dT_d (inner, points, R_d), M_d (points, R_{d-1} R_d), row-major in rows of whole quads.
//
// As a product: the columns are the stored numbers of dT_d[a], R_d of every `width` of them numbers. The rows of a core
// need not begin at a quad, so it is written number by number.
//# import shared/product/operands.wgsl
//# slot schedule register

struct Problem {
  rows: u32,           // R_{d-1}
  columns: u32,        // n_d width
  inner: u32,          // n_1 .. n_{d-1} multiplied
  rank: u32,           // R_d
  width: u32,          // R_d in whole quads
  left: u32,           // first quad of T_{d-1}, quads from row to row; the same for dT_d
  leftStride: u32,
  right: u32,
  rightStride: u32,
  result: u32,         // first number of M_d, numbers from row to row
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> left: array<vec4f>;             // T_{d-1} of every model
@group(0) @binding(2) var<storage, read> right: array<vec4f>;            // dT_d of every model
@group(0) @binding(3) var<storage, read_write> result: array<f32>;       // M_d of every model

const LEFT_TRANSPOSED = true;
const RIGHT_TRANSPOSED = false;

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let s = column % p.width;
  let at = p.result + column / p.width * p.resultStride + row * p.rank + s;
  let count = min(p.rank - s, 4u);
  for (var c = 0u; c < count; c++) {
    result[at + c] = value[c];
  }
}

fn finish(p: Problem, invocation: u32) {}
