// C = alpha unfold_d(A) unfold_d(B)^T for a batch of pairs of tensors that differ in axis d alone, which is not the last:
// C[i, j] = alpha sum over all other indices of A[.., i, ..] B[.., j, ..].
//
//   A (.., rows, .., points), B (.., columns, .., points), C (rows, columns), row-major in rows of whole quads.
//
// As a product: the inner axis is the stored numbers of the other axes, `points` of every `width` of them numbers and
// the others padding, so that a quad lies along the last axis.
//# import shared/quads.wgsl
//# import shared/product/padding.wgsl
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

/// Where the inner index is found in a tensor of so many points along axis d: its quad at point 0.
fn quadAt(p: Problem, inner: u32, points: u32) -> u32 {
  return (inner / p.span * points * p.span + inner % p.span) / 4u;
}

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = true;

/// [r][u] = unfold_d(A)[row + r, inner + u]
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  let quad = p.left + quadAt(p, inner, p.rows);
  let stride = p.span / 4u;
  let last = p.rows - 1u;
  return mat4x4f(left[quad + min(row, last) * stride], left[quad + min(row + 1u, last) * stride],
                 left[quad + min(row + 2u, last) * stride], left[quad + min(row + 3u, last) * stride]);
}

/// [c][u] = unfold_d(B)[column + c, inner + u]
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let quad = p.right + quadAt(p, inner, p.columns);
  let stride = p.span / 4u;
  let last = p.columns - 1u;
  return mat4x4f(right[quad + min(column, last) * stride], right[quad + min(column + 1u, last) * stride],
                 right[quad + min(column + 2u, last) * stride], right[quad + min(column + 3u, last) * stride]);
}

fn counted(p: Problem, inner: u32) -> u32 { return beforePadding(inner, p.points, p.width); }

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  result[p.result + row * p.resultStride + column / 4u] = p.alpha * value;
}

fn finish(p: Problem, invocation: u32) {}
