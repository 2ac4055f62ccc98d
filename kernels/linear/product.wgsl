// C = alpha op(A) op(B) [+ beta C] for a batch of problems, op(X) = X or X^T.
//
//   op(A) (rows, inner), op(B) (inner, columns), C (rows, columns), row-major in rows of whole quads.
//
// With BLEND, C is read before it is overwritten; else it is only written.
//# import shared/product/operands.wgsl
//# slot schedule register

struct Problem {
  rows: u32,
  columns: u32,
  inner: u32,
  alpha: f32,
  beta: f32,
  left: u32,           // first quad of A, quads from row to row; the same for B and C
  leftStride: u32,
  right: u32,
  rightStride: u32,
  result: u32,
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> left: array<vec4f>;           // A: (rows, inner) or (inner, rows)
@group(0) @binding(2) var<storage, read> right: array<vec4f>;          // B: (inner, columns) or (columns, inner)
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;   // C: (rows, columns)

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = false;
const BLEND = false;

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let quad = p.result + row * p.resultStride + column / 4u;
  if (BLEND) {
    result[quad] = fma(vec4f(p.alpha), value, p.beta * result[quad]);
  } else {
    result[quad] = p.alpha * value;
  }
}

fn finish(p: Problem, invocation: u32) {}
