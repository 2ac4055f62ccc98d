// The cotangent at the left operand of kernels/contraction/ttStep.wgsl, for a batch of models:
//
//   dT_{d-1}[a, r] = sum_{i, s} dT_d[a, i, s] F_d[i, r, s]
//
//   dT_d (rows, points, R_d), F_d (points, R_{d-1} R_d), dT_{d-1} (rows, R_{d-1}), row-major in rows of whole quads.
//
// As a product: the inner axis is the stored numbers of dT_d[a], R_d of every `width` of them numbers.
//# import shared/ttCore.wgsl
//# import shared/product/padding.wgsl
//# slot schedule register

struct Problem {
  rows: u32,           // n_1 .. n_{d-1} multiplied
  columns: u32,        // R_{d-1}
  inner: u32,          // n_d width
  rank: u32,           // R_d
  width: u32,          // R_d in whole quads
  cotangent: u32,      // first quad of dT_d
  core: u32,           // first number of F_d, numbers from row to row
  coreStride: u32,
  coreSize: u32,       // R_{d-1} R_d
  result: u32,         // first quad of dT_{d-1}, quads from row to row
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> cotangent: array<vec4f>;        // dT_d of every model
@group(0) @binding(2) var<storage, read> core: array<f32>;               // F_d of every model
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // dT_{d-1} of every model

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = true;

/// [r][u] = dT_d[row + r], its stored numbers from `inner` on.
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  let at = fourAt(p.cotangent + inner / 4u, p.inner / 4u, row, p.rows - 1u);
  return mat4x4f(cotangent[at.x], cotangent[at.y], cotangent[at.z], cotangent[at.w]);
}

/// [c][u] = F_d[i, column + c, s + u], i and s being those of inner.
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let point = inner / p.width;
  let s = inner % p.width;
  let r = fourAt(0u, 1u, column, p.columns - 1u);
  return mat4x4f(coreQuad(p, point, r.x, s), coreQuad(p, point, r.y, s), coreQuad(p, point, r.z, s), coreQuad(p, point, r.w, s));
}

fn counted(p: Problem, inner: u32) -> u32 { return beforePadding(inner, p.rank, p.width); }

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  result[p.result + row * p.resultStride + column / 4u] = value;
}

fn finish(p: Problem, invocation: u32) {}
