// A Muon step (Jordan 2024) of a batch of matrices, in place, with decoupled decay:
//
//   W <- (1 - learningRate weightDecay) W - learningRate scale U
//
// with U the direction made orthogonal, stored transposed where W is tall. The biases beside W are left alone.

struct Problem {
  rows: u32,
  columns: u32,          // without the bias
  scale: f32,            // sqrt(max(1, rows / columns))
  weightDecay: f32,
  tall: u32,             // whether U is stored transposed
  parameter: u32,        // first number of W, numbers from row to row; the same for U
  parameterStride: u32,
  direction: u32,
  directionStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> learningRate: array<f32>;           // (1)
@group(0) @binding(2) var<storage, read> direction: array<f32>;              // U: (rows, columns), or (columns, rows)
@group(0) @binding(3) var<storage, read_write> parameter: array<f32>;        // [W | b]: (rows, columns + 1)

const WORKGROUP = 64u;

// One thread per number of the largest matrix.
@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let p = problems[group.z];
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;   // folded to two dimensions past 65535 workgroups
  if (i >= p.rows * p.columns) { return; }
  let row = i / p.columns;
  let column = i % p.columns;
  let at = p.parameter + row * p.parameterStride + column;
  let along = select(row * p.directionStride + column, column * p.directionStride + row, p.tall == 1u);
  let rate = learningRate[0];
  let w = parameter[at];
  parameter[at] = fma(-rate * p.scale, direction[p.direction + along], fma(-rate * p.weightDecay, w, w));
}
