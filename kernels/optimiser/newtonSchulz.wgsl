// C = alpha A B + beta D for a batch of problems: the two products of a Newton-Schulz step in which a matrix is added.
//
//   A (rows, inner), B (inner, columns), C and D (rows, columns), row-major in rows of whole quads.
//# import shared/product/operands.wgsl
//# slot schedule register

struct Problem {
  rows: u32,
  columns: u32,
  inner: u32,
  alpha: f32,
  beta: f32,
  left: u32,           // first quad of A, quads from row to row; the same for B, D and C
  leftStride: u32,
  right: u32,
  rightStride: u32,
  added: u32,
  addedStride: u32,
  result: u32,
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> left: array<vec4f>;           // A: (rows, inner)
@group(0) @binding(2) var<storage, read> right: array<vec4f>;          // B: (inner, columns)
@group(0) @binding(3) var<storage, read> added: array<vec4f>;          // D: (rows, columns)
@group(0) @binding(4) var<storage, read_write> result: array<vec4f>;   // C: (rows, columns)

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = false;

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let quad = column / 4u;
  result[p.result + row * p.resultStride + quad] =
    fma(vec4f(p.alpha), value, p.beta * added[p.added + row * p.addedStride + quad]);
}

fn finish(p: Problem, invocation: u32) {}
