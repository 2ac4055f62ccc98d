// The cotangent at a decoder's hidden units, for a batch of models, written over what they were made of:
//
//   z[i, h, s] <- (sum_o W_1[o, h] G[i, o, s]) a'(z[i, h, s] + b_0[h])
//
//   G (n_1, outputs, n_2 .. n_D) is the cotangent at the output; the others as in kernels/readout/decode.wgsl.
//
// As a product: rows are h, columns all i and s, the inner axis o.
//# import shared/decoder/units.wgsl
//# import shared/decoder/weights.wgsl
//# slot activation relu
//# slot schedule register

struct Problem {
  rows: u32,           // hidden
  columns: u32,        // n_1 span
  inner: u32,          // outputs
  span: u32,           // stored numbers of z[i, h]
  hidden: u32,         // first quad of z
  bias: u32,           // first number of b_0, numbers from one to the next
  biasStride: u32,
  weight: u32,         // first quad of [W_1 | b_1], quads from row to row
  weightStride: u32,
  cotangent: u32,      // first quad of G
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> parameter: array<vec4f>;      // [W_0 | b_0] and [W_1 | b_1] of every model
@group(0) @binding(2) var<storage, read> cotangent: array<vec4f>;      // G of every model
@group(0) @binding(3) var<storage, read> number: array<f32>;           // the parameters again
@group(0) @binding(4) var<storage, read_write> hidden: array<vec4f>;   // z of every model

const LEFT_TRANSPOSED = true;
const RIGHT_TRANSPOSED = false;

/// [u][r] = W_1[inner + u, row + r]
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  return weightQuads(p.weight + min(row, p.rows - 1u) / 4u, p.weightStride, inner, p.inner - 1u);
}

/// [u][c] = G of the output inner + u at the column + c; from p.inner on, that of the last output.
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let start = min(column, p.columns - 4u);
  let quad = p.cotangent + (start / p.span * p.inner * p.span + start % p.span) / 4u;
  let last = p.inner - 1u;
  return mat4x4f(cotangent[quad + min(inner, last) * p.span / 4u], cotangent[quad + min(inner + 1u, last) * p.span / 4u],
                 cotangent[quad + min(inner + 2u, last) * p.span / 4u], cotangent[quad + min(inner + 3u, last) * p.span / 4u]);
}

fn counted(p: Problem, inner: u32) -> u32 { return p.inner - inner; }

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let quad = p.hidden + (column / p.span * p.rows * p.span + row * p.span + column % p.span) / 4u;
  hidden[quad] = value * activated(p, row, hidden[quad])[1];
}

fn finish(p: Problem, invocation: u32) {}
