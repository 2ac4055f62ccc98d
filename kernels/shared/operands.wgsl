// The operands of a matrix product that are stored as they are multiplied, or transposed: 4 x 4 blocks of op(left),
// (rows, inner), and op(right), (inner, columns), for a schedule under kernels/schedule.
//
// The kernel that imports this file has the bindings left and right, the constants LEFT_TRANSPOSED and
// RIGHT_TRANSPOSED, and in its Problem: rows, columns, inner, and of both operands the first quad and the quads from
// row to row. Indices after an edge are clamped: what they bring is not stored, or is multiplied by zero.
//# import shared/quads.wgsl

/// Four quads of the left operand, a stored row apart, the first at `quad`; rows from `last` on repeat.
fn leftQuads(quad: u32, stride: u32, row: u32, last: u32) -> mat4x4f {
  return mat4x4f(left[quad + min(row, last) * stride], left[quad + min(row + 1u, last) * stride],
                 left[quad + min(row + 2u, last) * stride], left[quad + min(row + 3u, last) * stride]);
}

/// The same of the right operand.
fn rightQuads(quad: u32, stride: u32, row: u32, last: u32) -> mat4x4f {
  return mat4x4f(right[quad + min(row, last) * stride], right[quad + min(row + 1u, last) * stride],
                 right[quad + min(row + 2u, last) * stride], right[quad + min(row + 3u, last) * stride]);
}

/// block[r][u] = op(left)[row + r, inner + u], zero from p.inner on.
fn leftBlock(p: Problem, row: u32, inner: u32) -> mat4x4f {
  let count = p.inner - inner;
  if (LEFT_TRANSPOSED) {
    let quad = p.left + min(row, p.rows - 1u) / 4u;
    return keepComponents(transpose(leftQuads(quad, p.leftStride, inner, p.inner - 1u)), count);
  }
  return keepComponents(leftQuads(p.left + inner / 4u, p.leftStride, row, p.rows - 1u), count);
}

/// block[u][c] = op(right)[inner + u, column + c]; from p.inner on, numbers that are stored or zero.
fn rightBlock(p: Problem, column: u32, inner: u32) -> mat4x4f {
  if (RIGHT_TRANSPOSED) {
    let quads = rightQuads(p.right + inner / 4u, p.rightStride, column, p.columns - 1u);
    return transpose(keepComponents(quads, p.inner - inner));
  }
  let quad = p.right + min(column, p.columns - 1u) / 4u;
  return rightQuads(quad, p.rightStride, inner, p.inner - 1u);
}
