// One layer's share of the tangent kernel of a batch of networks, elementwise product:
//
//   ACCUMULATE   K = K + T * (D D^T)          otherwise   K = T * (D D^T)
//
//   D (rows, inner) is the cotangent at the layer's pre-activation and T (rows, rows) the Gram matrix of its
//   homogeneous input, H H^T + 1, the 1 being the bias: the layer identity of the tangent kernel of a dense layer.
//
// D is bound as both operands. K is symmetric: kernels/linear/mirror.wgsl fills in what is left out below the diagonal.
//# import shared/operands.wgsl
//# slot schedule register

struct Problem {
  rows: u32,           // points, and columns the same
  columns: u32,
  inner: u32,          // width of the layer
  left: u32,           // first quad of D, quads from row to row, and once more; the same for T and K
  leftStride: u32,
  right: u32,
  rightStride: u32,
  gram: u32,
  gramStride: u32,
  result: u32,
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> left: array<vec4f>;             // D: (rows, inner)
@group(0) @binding(2) var<storage, read> right: array<vec4f>;            // D
@group(0) @binding(3) var<storage, read> gram: array<vec4f>;             // T: (rows, rows)
@group(0) @binding(4) var<storage, read_write> result: array<vec4f>;     // K: (rows, rows)

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = true;
const ACCUMULATE = true;

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let quad = p.result + row * p.resultStride + column / 4u;
  var before = vec4f();
  if (ACCUMULATE) { before = result[quad]; }
  result[quad] = fma(value, gram[p.gram + row * p.gramStride + column / 4u], before);
}

fn finish(p: Problem, invocation: u32) {}
