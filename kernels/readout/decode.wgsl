// The second layer of a decoder, for a batch of models:
//
//   Z[i, o, s] = sum_h W_1[o, h] a(z[i, h, s] + b_0[h]) + b_1[o], i being i_1 and s stored numbers of i_2 .. i_D.
//
//   z (n_1, hidden, n_2 .. n_D), Z (n_1, outputs, n_2 .. n_D); [W_0 | b_0] (hidden, products + 1) and
//   [W_1 | b_1] (outputs, hidden + 1); row-major in rows of whole quads.
//
// As a product: rows are o, columns all i and s, the inner axis h. a(z + b_0) is made as it is loaded, never stored.
//# import shared/decoder/layers.wgsl
//# slot activation relu
//# slot schedule register

@group(0) @binding(3) var<storage, read> hidden: array<vec4f>;         // z of every model
@group(0) @binding(4) var<storage, read_write> result: array<vec4f>;   // Z of every model

const LEFT_TRANSPOSED = false;

/// [r][u] = W_1[row + r, inner + u]
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  return weightQuads(p, inner / 4u, row, p.rows - 1u);
}

/// [u][c] = a(z + b_0) of the unit inner + u at the column + c; from p.inner on, that of the last unit.
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let quad = p.hidden + quadInSpan(min(column, p.columns - 4u), p.span, p.inner);
  var quads = mat4x4f();
  //# unroll
  for (var u = 0u; u < 4u; u++) {
    let unit = min(inner + u, p.inner - 1u);
    quads[u] = activated(p, unit, hidden[quad + unit * p.span / 4u])[0];
  }
  return quads;
}

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let at = quadInSpan(column, p.span, p.rows) + row * p.span / 4u;
  result[p.output + at] = value + number[4u * (p.weight + row * p.weightStride) + p.inner];
}
