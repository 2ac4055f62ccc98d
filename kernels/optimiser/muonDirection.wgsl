// The direction of a Muon step (Jordan 2024) before it is scaled and made orthogonal, for a batch of matrices, in place:
// momentum with Nesterov's look ahead.
//
//   B <- momentum B + G,   X = G + momentum B,   G <- 0,   and the squares of X's numbers, summed tile by tile
//
// X is stored transposed where G is tall, so that its rows are the shorter side. What is cleared of the gradient is left
// alone by the optimiser of the other parameters, which sees 0 there.
//# import shared/quads.wgsl
//# import shared/workgroupSum.wgsl

struct Problem {
  rows: u32,
  columns: u32,          // without the bias, which stands behind them in the gradient
  momentum: f32,
  tall: u32,             // whether X is stored transposed
  gradient: u32,         // first quad of G, quads from row to row; the same for B and X
  gradientStride: u32,
  moment: u32,
  momentStride: u32,
  result: u32,
  resultStride: u32,
  squares: u32,          // the first tile's
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> gradient: array<vec4f>;   // G: (rows, columns + 1) among all parameters'
@group(0) @binding(2) var<storage, read_write> moment: array<vec4f>;     // B: (rows, columns)
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // X: (rows, columns), or (columns, rows)
@group(0) @binding(4) var<storage, read_write> squares: array<f32>;      // one per tile of G, from row of tiles to row

const LANES = 8u;                    // along each side of a workgroup, a block of 4 x 4 numbers each
const WORKGROUP = LANES * LANES;
const TILE = 4u * LANES;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.z];
  if (group.x * TILE >= p.columns || group.y * TILE >= p.rows) { return; }
  let row = group.y * TILE + 4u * (lane / LANES);
  let column = group.x * TILE + 4u * (lane % LANES);
  var block = mat4x4f();
  if (row < p.rows && column < p.columns) {
    let own = first(p.columns - column);
    for (var i = 0u; i < 4u && row + i < p.rows; i++) {
      let at = p.gradient + (row + i) * p.gradientStride + column / 4u;
      let place = p.moment + (row + i) * p.momentStride + column / 4u;
      let g = gradient[at];
      let b = fma(vec4f(p.momentum), moment[place], g);
      moment[place] = b;
      gradient[at] = select(g, vec4f(), own);
      block[i] = select(vec4f(), fma(vec4f(p.momentum), b, g), own);
    }
    // In rows of X: the block's first number, and where they end.
    var start = vec2u(row, column);
    var end = p.rows;
    var stored = block;
    if (p.tall == 1u) {
      start = start.yx;
      end = p.columns;
      stored = transpose(block);
    }
    for (var i = 0u; i < 4u && start.x + i < end; i++) {
      result[p.result + (start.x + i) * p.resultStride + start.y / 4u] = stored[i];
    }
  }
  let ofRows = vec4f(dot(block[0], block[0]), dot(block[1], block[1]), dot(block[2], block[2]), dot(block[3], block[3]));
  let sum = workgroupSum(lane, dot(ofRows, vec4f(1.0)));
  if (lane == 0u) { squares[p.squares + group.y * ((p.columns + TILE - 1u) / TILE) + group.x] = sum; }
}
