// A tensor train is contracted from the left, core by core (Oseledets 2011, section 4). This is one step of it, for a
// batch of models:
//
//   T_d[a, i, s] = sum_r T_{d-1}[a, r] F_d[i, r, s], a being i_1 .. i_{d-1} and i i_d.
//
//   T_{d-1} (rows, R_{d-1}), F_d (points, R_{d-1} R_d), T_d (rows, points, R_d), row-major in rows of whole quads.
//
// As a product: the columns are the stored numbers of T_d[a], R_d of every `width` of them numbers and the others padding.
//# import shared/ttCore.wgsl
//# slot schedule register

struct Problem {
  rows: u32,           // n_1 .. n_{d-1} multiplied
  columns: u32,        // n_d width
  inner: u32,          // R_{d-1}
  rank: u32,           // R_d
  width: u32,          // R_d in whole quads
  prefix: u32,         // first quad of T_{d-1}, quads from row to row
  prefixStride: u32,
  core: u32,           // first number of F_d, numbers from row to row
  coreStride: u32,
  coreSize: u32,       // R_{d-1} R_d
  result: u32,         // first quad of T_d
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> prefix: array<vec4f>;           // T_{d-1} of every model
@group(0) @binding(2) var<storage, read> core: array<f32>;               // F_d of every model
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // T_d of every model

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = false;

/// [r][u] = T_{d-1}[row + r, inner + u]
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  let at = fourAt(p.prefix + inner / 4u, p.prefixStride, row, p.rows - 1u);
  return mat4x4f(prefix[at.x], prefix[at.y], prefix[at.z], prefix[at.w]);
}

/// [u][c] = F_d[i, inner + u, s + c], i and s being those of column; from p.inner on, numbers that are stored.
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let start = min(column, p.columns - 4u);
  let point = start / p.width;
  let s = start % p.width;
  let r = fourAt(0u, 1u, inner, p.inner - 1u);
  return mat4x4f(coreQuad(p, point, r.x, s), coreQuad(p, point, r.y, s), coreQuad(p, point, r.z, s), coreQuad(p, point, r.w, s));
}

fn counted(p: Problem, inner: u32) -> u32 { return p.inner - inner; }

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  result[p.result + (row * p.columns + column) / 4u] = value;
}

fn finish(p: Problem, invocation: u32) {}
