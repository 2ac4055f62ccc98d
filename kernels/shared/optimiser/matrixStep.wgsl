// A step of a matrix W along a direction U made orthogonal, stored transposed where W is tall, with decoupled decay. The
// biases beside W are left alone. One thread per number of the largest matrix.

struct Problem {
  rows: u32,
  columns: u32,          // without the bias
  scale: f32,            // sqrt(max(1, rows / columns))
  weightDecay: f32,
  tall: u32,             // whether U is stored transposed
  place: u32,            // of the model in a fleet
  parameter: u32,        // first number of W, numbers from row to row; the same for U
  parameterStride: u32,
  direction: u32,
  directionStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> direction: array<f32>;              // U: (rows, columns), or (columns, rows)
@group(0) @binding(2) var<storage, read_write> parameter: array<f32>;        // [W | b]: (rows, columns + 1)

const WORKGROUP = 64u;

/// W <- (1 - rate decay) W - rate scale U, of number `i` of W.
fn stepAlong(p: Problem, i: u32, rate: f32, decay: f32) {
  if (i >= p.rows * p.columns) { return; }
  let row = i / p.columns;
  let column = i % p.columns;
  let at = p.parameter + row * p.parameterStride + column;
  let along = select(row * p.directionStride + column, column * p.directionStride + row, p.tall == 1u);
  let w = parameter[at];
  parameter[at] = fma(-rate * p.scale, direction[p.direction + along], fma(-rate * decay, w, w));
}
