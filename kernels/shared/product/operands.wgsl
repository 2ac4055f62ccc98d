// The operands of a matrix product that are stored as they are multiplied, or transposed: op(left), (rows, inner), and
// op(right), (inner, columns), by quads for a schedule under kernels/schedule (shared/product/blocks.wgsl).
//
// The kernel that imports this file has the bindings left and right, the constants LEFT_TRANSPOSED and
// RIGHT_TRANSPOSED, and in its Problem: rows, columns, inner, and of both operands the first quad and the quads from
// row to row. Indices after an edge are clamped: what they bring is not stored, or is multiplied by zero.
//# import shared/quads.wgsl

/// Four quads of the left operand, a stored row apart, the first at `quad`; rows from `last` on repeat.
fn leftRows(quad: u32, stride: u32, row: u32, last: u32) -> mat4x4f {
  return mat4x4f(left[quad + min(row, last) * stride], left[quad + min(row + 1u, last) * stride],
                 left[quad + min(row + 2u, last) * stride], left[quad + min(row + 3u, last) * stride]);
}

/// The same of the right operand.
fn rightRows(quad: u32, stride: u32, row: u32, last: u32) -> mat4x4f {
  return mat4x4f(right[quad + min(row, last) * stride], right[quad + min(row + 1u, last) * stride],
                 right[quad + min(row + 2u, last) * stride], right[quad + min(row + 3u, last) * stride]);
}

fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  if (LEFT_TRANSPOSED) {
    return leftRows(p.left + min(row, p.rows - 1u) / 4u, p.leftStride, inner, p.inner - 1u);
  }
  return leftRows(p.left + inner / 4u, p.leftStride, row, p.rows - 1u);
}

fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  if (RIGHT_TRANSPOSED) {
    return rightRows(p.right + inner / 4u, p.rightStride, column, p.columns - 1u);
  }
  return rightRows(p.right + min(column, p.columns - 1u) / 4u, p.rightStride, inner, p.inner - 1u);
}

fn counted(p: Problem, inner: u32) -> u32 { return p.inner - inner; }
