// One layer's share of the tangent kernel of a batch of networks, elementwise product:
//
//   ACCUMULATE   K = K + T * (D D^T)          otherwise   K = T * (D D^T)
//
//   D (rows, inner) is the cotangent at the layer's pre-activation and T (rows, rows) the Gram matrix of its
//   homogeneous input, H H^T + 1, the 1 being the bias: the layer identity of the tangent kernel of a dense layer.
//
// D is bound as both operands. K is symmetric: WHOLE, what stands above the diagonal is written below it too, and
// nothing else is there. So each number has one thread that reads and writes it.
//# import shared/product/operands.wgsl
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
@group(0) @binding(4) var<storage, read_write> result: array<f32>;       // K: (rows, rows)

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = true;
const ACCUMULATE = true;
const WHOLE = false;

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let factor = gram[p.gram + row * p.gramStride + column / 4u];
  //# unroll
  for (var i = 0u; i < 4u; i++) {
    let other = column + i;
    if (other < p.columns && !(WHOLE && other < row)) {
      let at = 4u * (p.result + row * p.resultStride) + other;
      var before = 0.0;
      if (ACCUMULATE) { before = result[at]; }
      let number = fma(value[i], factor[i], before);
      result[at] = number;
      if (WHOLE) { result[4u * (p.result + other * p.resultStride) + row] = number; }
    }
  }
}

fn finish(p: Problem, invocation: u32) {}
