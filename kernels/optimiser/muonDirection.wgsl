// The direction of a Muon step (Jordan 2024) before it is made orthogonal, for a batch of matrices, in place: momentum
// with Nesterov's look ahead, scaled to norm 1.
//
//   B <- momentum B + G,   X = (G + momentum B) / (|G + momentum B|_F + 1e-7),   G <- 0
//
// X is stored transposed where G is tall, so that its rows are the shorter side. What is cleared of the gradient is left
// alone by the optimiser of the other parameters, which sees 0 there.
//# import shared/workgroupSum.wgsl

struct Problem {
  rows: u32,
  columns: u32,          // without the bias, which stands behind them in the gradient
  momentum: f32,
  tall: u32,             // whether X is stored transposed
  gradient: u32,         // first number of G, numbers from row to row; the same for B and X
  gradientStride: u32,
  moment: u32,
  momentStride: u32,
  result: u32,
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;   // G: (rows, columns + 1) among all parameters'
@group(0) @binding(2) var<storage, read_write> moment: array<f32>;     // B: (rows, columns)
@group(0) @binding(3) var<storage, read_write> result: array<f32>;     // X: (rows, columns), or (columns, rows)

const WORKGROUP = 64u;
const LEAST_NORM = 1e-7;

fn placeOf(p: Problem, row: u32, column: u32) -> u32 {
  if (p.tall == 1u) { return p.result + column * p.resultStride + row; }
  return p.result + row * p.resultStride + column;
}

// One workgroup per matrix: a thread scales what it wrote itself.
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.z];
  let count = p.rows * p.columns;
  var squares = 0.0;
  for (var i = lane; i < count; i += WORKGROUP) {
    let row = i / p.columns;
    let column = i % p.columns;
    let at = p.gradient + row * p.gradientStride + column;
    let place = p.moment + row * p.momentStride + column;
    let g = gradient[at];
    let b = fma(p.momentum, moment[place], g);
    let x = fma(p.momentum, b, g);
    moment[place] = b;
    gradient[at] = 0.0;
    result[placeOf(p, row, column)] = x;
    squares = fma(x, x, squares);
  }
  let norm = sqrt(workgroupSum(lane, squares)) + LEAST_NORM;
  for (var i = lane; i < count; i += WORKGROUP) {
    result[placeOf(p, i / p.columns, i % p.columns)] /= norm;
  }
}
