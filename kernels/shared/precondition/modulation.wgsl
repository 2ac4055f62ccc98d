// What a row of V is scaled by, and where it and its problem stand: see kernels/precondition/modulate.wgsl.
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
