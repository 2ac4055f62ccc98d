// Schedule of the matrix products: register tiles, neither workgroup memory nor subgroups. Runs everywhere.
//
// A thread owns 4 LEFT_BLOCKS rows by 4 RIGHT_BLOCKS columns; LANE_ROWS x LANE_COLUMNS threads make a workgroup. The
// operands come from the kernel beside which this file stands: leftQuads, rightQuads, counted, store and finish.
//# import shared/product/blocks.wgsl
//# import shared/product/tiles.wgsl

const LANE_ROWS = 4u;
const LANE_COLUMNS = 4u;
const LEFT_BLOCKS = 1u;
const RIGHT_BLOCKS = 1u;
const TILE_ROWS = 4u * LEFT_BLOCKS * LANE_ROWS;
const TILE_COLUMNS = 4u * RIGHT_BLOCKS * LANE_COLUMNS;
const INVOCATIONS = LANE_ROWS * LANE_COLUMNS;

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tileOf(group, groups);
  let p = problems[tile.problem];
  let row = tile.row + lane / LANE_COLUMNS * 4u * LEFT_BLOCKS;
  let column = tile.column + lane % LANE_COLUMNS * 4u * RIGHT_BLOCKS;
  if (isMade(tile, p.rows, p.columns) && row < p.rows && column < p.columns) {
    let range = innerOf(p, tile);
    for (var from = range.x; from < range.y; from += BLOCK) {
      let to = from + min(range.y - from, BLOCK);
      var sums = array<vec4f, 4u * LEFT_BLOCKS * RIGHT_BLOCKS>();
      for (var inner = from; inner < to; inner += 4u) {
        var a = array<mat4x4f, LEFT_BLOCKS>();
        //# unroll
        for (var i = 0u; i < LEFT_BLOCKS; i++) {
          a[i] = leftBlock(p, row + 4u * i, inner);
        }
        //# unroll
        for (var j = 0u; j < RIGHT_BLOCKS; j++) {
          let b = rightBlock(p, column + 4u * j, inner);
          //# unroll
          for (var i = 0u; i < 4u * LEFT_BLOCKS; i++) {
            //# unroll
            for (var u = 0u; u < 4u; u++) {
              sums[i * RIGHT_BLOCKS + j] = fma(vec4f(a[i / 4u][i % 4u][u]), b[u], sums[i * RIGHT_BLOCKS + j]);
            }
          }
        }
      }
      // Copied, so that the stores may stay a loop: unrolled, an activation in them would be compiled many times over.
      var results = array<vec4f, 4u * LEFT_BLOCKS * RIGHT_BLOCKS>();
      //# unroll
      for (var i = 0u; i < 4u * LEFT_BLOCKS * RIGHT_BLOCKS; i++) {
        results[i] = sums[i];
      }
      for (var i = 0u; i < 4u * LEFT_BLOCKS * RIGHT_BLOCKS; i++) {
        keep(p, tile, from > range.x, row + i / RIGHT_BLOCKS, column + 4u * (i % RIGHT_BLOCKS), results[i]);
      }
      if (ONCE) { break; }
    }
  }
  conclude(p, ((group.z * groups.y + group.y) * groups.x + group.x) * INVOCATIONS + lane);
}
