// The 4 x 4 blocks of a product's operands, from the four quads of each that its kernel loads, which lie along the inner
// axis or across it.
//
// The kernel beside which this file stands has leftQuads(p, row, inner): a quad along the inner axis from each of four
// rows, or with LEFT_TRANSPOSED one along the rows at each of four inner indices; rightQuads(p, column, inner): a quad
// along the columns at each of four inner indices, or with RIGHT_TRANSPOSED one along the inner axis from each of four
// columns; and counted(p, inner): how many of these four inner indices are summed over, or more. What quads along the
// inner axis hold after those may be anything; others hold numbers that are stored or zero.

/// Quads along the inner axis, zero where they are not summed.
fn masked(p: Problem, quads: mat4x4f, inner: u32) -> mat4x4f {
  let kept = first(counted(p, inner));
  return mat4x4f(select(vec4f(), quads[0], kept), select(vec4f(), quads[1], kept),
                 select(vec4f(), quads[2], kept), select(vec4f(), quads[3], kept));
}

/// block[r][u] of the left operand at row + r, inner + u, zero where that is not summed.
fn leftBlock(p: Problem, row: u32, inner: u32) -> mat4x4f {
  let quads = leftQuads(p, row, inner);
  if (LEFT_TRANSPOSED) { return masked(p, transpose(quads), inner); }
  return masked(p, quads, inner);
}

/// block[u][c] of the right operand at inner + u, column + c; where that is not summed, numbers that are stored or zero.
fn rightBlock(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let quads = rightQuads(p, column, inner);
  if (RIGHT_TRANSPOSED) { return transpose(masked(p, quads, inner)); }
  return quads;
}
