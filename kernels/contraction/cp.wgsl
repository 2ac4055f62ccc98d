// The CP contraction of a batch of models: Z[i_1 .. i_D] = scale * sum_r F_1[i_1, r] F_2[i_2, r] .. F_D[i_D, r].
//
//   F_d (n_d, rank), Z (n_1 .. n_D), all row-major in rows of whole quads.
//# import shared/cpOperands.wgsl
//# slot schedule register

struct Problem {
  rows: u32,           // n_1
  columns: u32,        // stored numbers of Z[i_1]
  inner: u32,          // rank
  scale: f32,
  width: u32,          // stored numbers of a row of the last axis
  result: u32,         // first quad of Z
  axes: array<Axis, MOST_AXES>,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> factor: array<vec4f>;           // F_1 .. F_D of every model
@group(0) @binding(2) var<storage, read_write> result: array<vec4f>;     // Z of every model

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  result[p.result + (row * p.columns + column) / 4u] = p.scale * value;
}

fn finish(p: Problem, invocation: u32) {}
