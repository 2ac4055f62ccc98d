// The second layer of a decoder, for a batch of models:
//
//   Z[i, o, s] = sum_h W_1[o, h] a(z[i, h, s] + b_0[h]) + b_1[o], i being i_1 and s stored numbers of i_2 .. i_D.
//
//   z (n_1, hidden, n_2 .. n_D), Z (n_1, outputs, n_2 .. n_D); [W_0 | b_0] (hidden, products + 1) and
//   [W_1 | b_1] (outputs, hidden + 1); row-major in rows of whole quads.
//
// As a product: rows are o, columns all i and s, the inner axis h. a(z + b_0) is made as it is loaded, never stored.
//# import shared/decoder/units.wgsl
//# import shared/decoder/weights.wgsl
//# slot activation relu
//# slot schedule register

struct Problem {
  rows: u32,           // outputs
  columns: u32,        // n_1 span
  inner: u32,          // hidden
  span: u32,           // stored numbers of z[i, h]
  hidden: u32,         // first quad of z
  bias: u32,           // first number of b_0, numbers from one to the next
  biasStride: u32,
  weight: u32,         // first quad of [W_1 | b_1], quads from row to row
  weightStride: u32,
  result: u32,         // first quad of Z
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> parameter: array<vec4f>;      // [W_0 | b_0] and [W_1 | b_1] of every model
@group(0) @binding(2) var<storage, read> hidden: array<vec4f>;         // z of every model
@group(0) @binding(3) var<storage, read> number: array<f32>;           // the parameters again
@group(0) @binding(4) var<storage, read_write> result: array<vec4f>;   // Z of every model

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = false;

/// [r][u] = W_1[row + r, inner + u]
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  return weightQuads(p.weight + inner / 4u, p.weightStride, row, p.rows - 1u);
}

/// [u][c] = a(z + b_0) of the unit inner + u at the column + c; from p.inner on, that of the last unit.
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let start = min(column, p.columns - 4u);
  let quad = p.hidden + (start / p.span * p.inner * p.span + start % p.span) / 4u;
  var quads = mat4x4f();
  //# unroll
  for (var u = 0u; u < 4u; u++) {
    let unit = min(inner + u, p.inner - 1u);
    quads[u] = activated(p, unit, hidden[quad + unit * p.span / 4u])[0];
  }
  return quads;
}

fn counted(p: Problem, inner: u32) -> u32 { return p.inner - inner; }

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let at = column / p.span * p.rows * p.span + row * p.span + column % p.span;
  result[p.result + at / 4u] = value + number[4u * (p.weight + row * p.weightStride) + p.inner];
}

fn finish(p: Problem, invocation: u32) {}
