// Schedule of the matrix products for GPUs: tiles of both operands in workgroup memory, register tiles in the threads.
//
// 64 threads, 8 x 8, make a tile of 32 BLOCKS by 32 BLOCKS; each multiplies 4 BLOCKS rows by 4 BLOCKS columns. Per step
// of DEPTH along the inner axis every thread brings one 4 x 4 block of each operand (neighbouring threads read
// contiguous quads), then 8 BLOCKS numbers read from workgroup memory serve 16 BLOCKS^2 products.
//# import shared/tiles.wgsl

const BLOCKS = 2u;
const TILE_ROWS = 32u * BLOCKS;
const TILE_COLUMNS = 32u * BLOCKS;
const INVOCATIONS = 64u;
const QUADS = 8u * BLOCKS;      // quads along a tile's side
const DEPTH = 32u / BLOCKS;     // so that a tile is a block a thread
const STEPS = DEPTH / 4u;

// [inner][row quad] and [inner][column quad]
var<workgroup> leftTile: array<vec4f, DEPTH * QUADS>;
var<workgroup> rightTile: array<vec4f, DEPTH * QUADS>;

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tileOf(group, groups);
  let p = problems[tile.problem];
  let row = tile.row;
  let column = tile.column;
  if (isMade(tile, p.rows, p.columns)) {
    let step = lane % STEPS * 4u;   // the block that this thread brings
    let quad = lane / STEPS;
    let high = lane / 8u;           // the rows and columns that it multiplies: of quads high + 8 i by wide + 8 j
    let wide = lane % 8u;
    var sums = array<vec4f, 4u * BLOCKS * BLOCKS>();   // [i][row of the quad][j]
    for (var inner = 0u; inner < p.inner; inner += DEPTH) {
      var a = mat4x4f();
      var b = mat4x4f();
      if (inner + step < p.inner) {
        a = transpose(leftBlock(p, row + 4u * quad, inner + step));
        b = rightBlock(p, column + 4u * quad, inner + step);
      }
      workgroupBarrier();   // the last step's tiles have been read
      //# unroll
      for (var u = 0u; u < 4u; u++) {
        leftTile[(step + u) * QUADS + quad] = a[u];
        rightTile[(step + u) * QUADS + quad] = b[u];
      }
      workgroupBarrier();   // and this step's are written
      for (var u = 0u; u < DEPTH; u++) {
        var y = array<vec4f, BLOCKS>();
        //# unroll
        for (var j = 0u; j < BLOCKS; j++) {
          y[j] = rightTile[u * QUADS + 8u * j + wide];
        }
        //# unroll
        for (var i = 0u; i < BLOCKS; i++) {
          let x = leftTile[u * QUADS + 8u * i + high];
          //# unroll
          for (var r = 0u; r < 4u; r++) {
            //# unroll
            for (var j = 0u; j < BLOCKS; j++) {
              sums[(4u * i + r) * BLOCKS + j] = fma(vec4f(x[r]), y[j], sums[(4u * i + r) * BLOCKS + j]);
            }
          }
        }
      }
    }
    //# unroll
    for (var i = 0u; i < 4u * BLOCKS * BLOCKS; i++) {
      let quads = vec2u(8u * (i / (4u * BLOCKS)) + high, 8u * (i % BLOCKS) + wide);
      store(p, row + 4u * quads.x + i / BLOCKS % 4u, column + 4u * quads.y, sums[i]);
    }
  }
  finish(p, ((group.z * groups.y + group.y) * groups.x + group.x) * INVOCATIONS + lane);
}
