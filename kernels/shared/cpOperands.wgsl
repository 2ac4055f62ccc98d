// The CP contraction as a matrix product: rows are i_1, columns the stored numbers of Z[i_1] (the last axis counts
// fastest, in rows of whole quads), the inner axis is the rank.
//
// The kernel that imports this file has the binding factor and in its Problem: rows, inner, axes, and width, the
// stored numbers of one row of the last axis.
//# import shared/factors.wgsl

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = true;

/// [r][u] = F_1[row + r, inner + u]
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  return factorQuads(p.axes[0], row, inner);
}

/// [c][u] = prod_{d > 1} F_d[i_d, inner + u], the i_d being those of column + c.
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  var quads = factorQuads(p.axes[AXES - 1u], column % p.width, inner);
  var rest = column / p.width;
  //# unroll
  for (var d = 2u; d < AXES; d++) {
    let axis = p.axes[AXES - d];
    // Of the second axis the index is all that is left.
    let quad = factorQuad(axis, select(rest % axis.points, rest, d == AXES - 1u), inner);
    rest /= axis.points;
    quads = mat4x4f(quads[0] * quad, quads[1] * quad, quads[2] * quad, quads[3] * quad);
  }
  return quads;
}

fn counted(p: Problem, inner: u32) -> u32 { return p.inner - inner; }
