// Sums over points from which the gradient of a decoder's second layer and its biases are made, for a batch of pieces of
// the points of models:
//
//   C[o, h] = sum G[i, o, s] a(z[i, h, s] + b_0[h]), C[o, hidden + h] the same of a', C[o, 2 hidden] = sum G[i, o, s]
//
//   C (outputs, 2 hidden + 1), row-major in rows of whole quads; the others as in kernels/readout/decodeCotangent.wgsl.
//
// As a product: rows are o, the inner axis is a stretch of all i and s, so that a quad lies along the last axis. What
// stands between the rows of the last axis counts as zero.
//# import shared/decoder/units.wgsl
//# import shared/product/padding.wgsl
//# import shared/product/span.wgsl
//# slot activation relu
//# slot schedule register

struct Problem {
  rows: u32,           // outputs
  columns: u32,        // 2 hidden + 1
  inner: u32,          // stored numbers of the piece
  start: u32,          // the first of them
  units: u32,          // hidden
  span: u32,           // stored numbers of z[i, h]
  points: u32,         // of the last axis
  width: u32,          // stored numbers of a row of the last axis
  hidden: u32,         // first quad of z
  bias: u32,           // first number of b_0, numbers from one to the next
  biasStride: u32,
  cotangent: u32,      // first quad of G
  result: u32,         // first quad of C, quads from row to row
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> number: array<f32>;           // [W_0 | b_0] of every model
@group(0) @binding(2) var<storage, read> hidden: array<vec4f>;         // z of every model
@group(0) @binding(3) var<storage, read> cotangent: array<vec4f>;      // G of every model
@group(0) @binding(4) var<storage, read_write> result: array<vec4f>;   // C of every piece

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = true;

/// [r][u] = G of the output row + r at the point inner + u.
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  let at = fourAt(p.cotangent + quadInSpan(p.start + inner, p.span, p.rows), p.span / 4u, row, p.rows - 1u);
  return mat4x4f(cotangent[at.x], cotangent[at.y], cotangent[at.z], cotangent[at.w]);
}

/// [c][u] = what stands in the column + c at the point inner + u.
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let quad = p.hidden + quadInSpan(p.start + inner, p.span, p.units);
  var quads = mat4x4f();
  //# unroll
  for (var c = 0u; c < 4u; c++) {
    let at = min(column + c, p.columns - 1u);
    let unit = at % p.units;
    let both = activated(p, unit, hidden[quad + unit * p.span / 4u]);
    quads[c] = select(select(both[0], both[1], at >= p.units), vec4f(1.0), at == 2u * p.units);
  }
  return quads;
}

fn counted(p: Problem, inner: u32) -> u32 { return beforePadding(p.start + inner, p.points, p.width); }

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  result[p.result + row * p.resultStride + column / 4u] = value;
}

fn finish(p: Problem, invocation: u32) {}
