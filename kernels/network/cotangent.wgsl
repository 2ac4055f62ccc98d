// The cotangent one layer down, for a batch of factor networks: D' = (D W) * a', elementwise with the activation's
// derivative.
//
//   D (rows, inner) is the cotangent at a layer's output before its activation, W (inner, columns + 1) that layer's
//   weights (the bias, its last column, is not used), a' and D' (rows, columns) belong to the layer below.
//# import shared/product/operands.wgsl
//# slot schedule register

struct Problem {
  rows: u32,           // points
  columns: u32,        // width of the layer below
  inner: u32,          // width of the layer
  left: u32,           // first quad of D, quads from row to row; the same for W, D' and a'
  leftStride: u32,
  right: u32,
  rightStride: u32,
  result: u32,
  resultStride: u32,
  derivative: u32,
  derivativeStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> left: array<vec4f>;             // D: (rows, inner)
@group(0) @binding(2) var<storage, read> right: array<vec4f>;            // W: (inner, columns + 1) among all parameters
@group(0) @binding(3) var<storage, read> derivative: array<vec4f>;       // a': (rows, columns)
@group(0) @binding(4) var<storage, read_write> result: array<vec4f>;     // D': (rows, columns)

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = false;

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let quad = column / 4u;
  result[p.result + row * p.resultStride + quad] = value * derivative[p.derivative + row * p.derivativeStride + quad];
}

fn finish(p: Problem, invocation: u32) {}
