// C = alpha unfold_d(A) unfold_d(B)^T for a batch of pairs of tensors that differ in axis d alone, which is not the last:
// C[i, j] = alpha sum over all other indices of A[.., i, ..] B[.., j, ..].
//
//   A (.., rows, .., points), B (.., columns, .., points), C (rows, columns), row-major in rows of whole quads.
//
// As a product: the inner axis is the stored numbers of the other axes, `points` of every `width` of them numbers and
// the others padding, so that a quad lies along the last axis.
//# import shared/quads.wgsl
//# import shared/product/padding.wgsl
//# import shared/product/span.wgsl
//# slot schedule register

struct Problem {
  rows: u32,           // axis d of A
  columns: u32,        // axis d of B
  inner: u32,
  alpha: f32,
  points: u32,         // of the last axis
  width: u32,          // stored numbers of a row of the last axis
  span: u32,           // stored numbers after one index of axis d
  left: u32,           // first quad of A; the same for B
  right: u32,
  result: u32,         // first quad of C, quads from row to row
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> left: array<vec4f>;             // A of every pair
@group(0) @binding(2) var<storage, read> right: array<vec4f>;            // B of every pair
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // C of every pair

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = true;

/// [r][u] = unfold_d(A)[row + r, inner + u]
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  let at = fourAt(p.left + quadInSpan(inner, p.span, p.rows), p.span / 4u, row, p.rows - 1u);
  return mat4x4f(left[at.x], left[at.y], left[at.z], left[at.w]);
}

/// [c][u] = unfold_d(B)[column + c, inner + u]
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let at = fourAt(p.right + quadInSpan(inner, p.span, p.columns), p.span / 4u, column, p.columns - 1u);
  return mat4x4f(right[at.x], right[at.y], right[at.z], right[at.w]);
}

fn counted(p: Problem, inner: u32) -> u32 { return beforePadding(inner, p.points, p.width); }

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  result[p.result + row * p.resultStride + column / 4u] = p.alpha * value;
}

fn finish(p: Problem, invocation: u32) {}
