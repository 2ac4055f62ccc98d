// The layers of decoders as products whose columns are all points: see kernels/readout/decode.wgsl and
// kernels/readout/decodeCotangent.wgsl.
//# import shared/decoder/units.wgsl
//# import shared/product/span.wgsl

struct Problem {
  rows: u32,
  columns: u32,        // n_1 span
  inner: u32,
  span: u32,           // stored numbers of z[i, h]
  hidden: u32,         // first quad of z
  bias: u32,           // first number of b_0, numbers from one to the next
  biasStride: u32,
  weight: u32,         // first quad of [W_1 | b_1], quads from row to row
  weightStride: u32,
  output: u32,         // first quad of Z or of G
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> parameter: array<vec4f>;      // [W_0 | b_0] and [W_1 | b_1] of every model
@group(0) @binding(2) var<storage, read> number: array<f32>;           // the parameters again

const RIGHT_TRANSPOSED = false;

/// Four quads of [W_1 | b_1], a row apart, the first at `quad`; rows from `last` on repeat.
fn weightQuads(p: Problem, quad: u32, row: u32, last: u32) -> mat4x4f {
  let at = fourAt(p.weight + quad, p.weightStride, row, last);
  return mat4x4f(parameter[at.x], parameter[at.y], parameter[at.z], parameter[at.w]);
}

fn counted(p: Problem, inner: u32) -> u32 { return p.inner - inner; }

fn finish(p: Problem, invocation: u32) {}
