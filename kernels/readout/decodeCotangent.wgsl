// The cotangent at a decoder's hidden units, for a batch of models, written over what they were made of:
//
//   z[i, h, s] <- (sum_o W_1[o, h] G[i, o, s]) a'(z[i, h, s] + b_0[h])
//
//   G (n_1, outputs, n_2 .. n_D) is the cotangent at the output; the others as in kernels/readout/decode.wgsl.
//
// As a product: rows are h, columns all i and s, the inner axis o.
//# import shared/decoder/layers.wgsl
//# slot activation relu
//# slot schedule register

@group(0) @binding(3) var<storage, read> cotangent: array<vec4f>;      // G of every model
@group(0) @binding(4) var<storage, read_write> hidden: array<vec4f>;   // z of every model

const LEFT_TRANSPOSED = true;

/// [u][r] = W_1[inner + u, row + r]
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  return weightQuads(p, min(row, p.rows - 1u) / 4u, inner, p.inner - 1u);
}

/// [u][c] = G of the output inner + u at the column + c; from p.inner on, that of the last output.
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let quad = p.output + quadInSpan(min(column, p.columns - 4u), p.span, p.inner);
  let at = fourAt(quad, p.span / 4u, inner, p.inner - 1u);
  return mat4x4f(cotangent[at.x], cotangent[at.y], cotangent[at.z], cotangent[at.w]);
}

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let quad = p.hidden + quadInSpan(column, p.span, p.rows) + row * p.span / 4u;
  hidden[quad] = value * activated(p, row, hidden[quad])[1];
}
