// The operands of a matrix product that are stored as they are multiplied, or transposed: op(left), (rows, inner), and
// op(right), (inner, columns), by quads for a schedule under kernels/schedule (shared/product/blocks.wgsl).
//
// The kernel that imports this file has the bindings left and right, the constants LEFT_TRANSPOSED and
// RIGHT_TRANSPOSED, and in its Problem: rows, columns, inner, and of both operands the first quad and the quads from
// row to row. Indices after an edge are clamped: what they bring is not stored, or is multiplied by zero.
//# import shared/quads.wgsl

fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  var at = fourAt(p.left + inner / 4u, p.leftStride, row, p.rows - 1u);
  if (LEFT_TRANSPOSED) { at = fourAt(p.left + min(row, p.rows - 1u) / 4u, p.leftStride, inner, p.inner - 1u); }
  return mat4x4f(left[at.x], left[at.y], left[at.z], left[at.w]);
}

fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  var at = fourAt(p.right + min(column, p.columns - 1u) / 4u, p.rightStride, inner, p.inner - 1u);
  if (RIGHT_TRANSPOSED) { at = fourAt(p.right + inner / 4u, p.rightStride, column, p.columns - 1u); }
  return mat4x4f(right[at.x], right[at.y], right[at.z], right[at.w]);
}

fn counted(p: Problem, inner: u32) -> u32 { return p.inner - inner; }
