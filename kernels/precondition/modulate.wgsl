// The modulated part of the preconditioners S = I - V^T diag(1 - g(l) / l) V of a batch of kernels: the rows of V
// scaled by 1 - g(l_i) / l_i for i <= k, and by 0 from there on.
//
//   FLAT    g = l_k               SQRT    g = sqrt(scale l_i), against l_i scaled alike
//
// k ends before the first eigenvalue that is not positive or not finite; what remains of it is written to `used`.
//
//   values (rows) descending, V (rows, columns) an eigenvector a row, row-major in rows of whole quads.

//# import shared/finite.wgsl

struct Problem {
  rows: u32,           // eigenpairs
  columns: u32,        // points
  top: u32,            // k
  scale: f32,          // of the kernel, where the modulation depends on it
  values: u32,         // first number of values
  vectors: u32,        // first quad of V, quads from row to row; the same for the result
  vectorsStride: u32,
  result: u32,
  resultStride: u32,
  used: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> values: array<f32>;             // (rows)
@group(0) @binding(2) var<storage, read> vectors: array<vec4f>;          // V: (rows, columns)
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // (rows, columns)
@group(0) @binding(4) var<storage, read_write> used: array<u32>;         // one per problem

const WORKGROUP = 64u;
const FLAT = 0u;
const SQRT = 1u;
const MODULATION = FLAT;

fn isPositive(x: f32) -> bool {
  return bitcast<u32>(x) - 1u < INFINITE - 1u;   // bits of a negative number are greater than infinity's
}

/// The factor of row i, of which `top` are modulated.
fn shareOf(p: Problem, i: u32, top: u32) -> f32 {
  if (i >= top) { return 0.0; }
  let value = values[p.values + i];
  if (MODULATION == FLAT) { return 1.0 - values[p.values + top - 1u] / value; }
  return 1.0 - 1.0 / sqrt(p.scale * value);
}

// One thread per row.
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.z];
  let row = group.x * WORKGROUP + lane;
  if (row >= p.rows) { return; }
  var top = 0u;
  while (top < min(p.top, p.rows) && isPositive(values[p.values + top])) { top++; }
  if (row == 0u) { used[p.used] = top; }
  let share = shareOf(p, row, top);
  for (var q = 0u; q < (p.columns + 3u) / 4u; q++) {
    result[p.result + row * p.resultStride + q] = share * vectors[p.vectors + row * p.vectorsStride + q];
  }
}
