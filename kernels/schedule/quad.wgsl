// Schedule of the matrix products for an adapter whose subgroups all have 4 lanes, one subgroup per workgroup.
//
// The tile is 16 LEFT_BLOCKS rows by 16 RIGHT_BLOCKS columns. A lane loads LEFT_BLOCKS blocks of the left operand and
// RIGHT_BLOCKS of the right; its left blocks go round the quad by swaps, so that each lane multiplies all rows by its
// own columns. DEPTH quads of the inner axis a turn take longer to compile, and less to carry sums from turn to turn. It
// may be chosen only where the adapter's smallest and largest subgroup size are both 4.
//
// Made for SwiftShader, where a swap is one instruction and a broadcast nine, and where every value that is not used
// at once lies in memory: so each number of the result has its four products added in one expression, one after the other as the
// other schedules add them: a number is the same to the bit whichever of them made it, so that a part of a grid is that of the whole.
//# enable subgroups
//# import shared/product/blocks.wgsl
//# import shared/product/tiles.wgsl

const LEFT_BLOCKS = 1u;
const RIGHT_BLOCKS = 1u;
const DEPTH = 1u;   // quads of the inner axis a turn
const TILE_ROWS = 16u * LEFT_BLOCKS;
const TILE_COLUMNS = 16u * RIGHT_BLOCKS;
const INVOCATIONS = 4u;

/// What the lane has whose number differs from this one's in the bits of `swap`, which is a constant.
fn swapped(own: vec4f, swap: u32) -> vec4f {
  switch (swap) {
    case 1u: { return quadSwapX(own); }
    case 2u: { return quadSwapY(own); }
    case 3u: { return quadSwapDiagonal(own); }
    default: { return own; }
  }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let tile = tileOf(group, groups);
  let p = problems[tile.problem];
  let row = tile.row;
  let column = tile.column;
  if (isMade(tile, p.rows, p.columns)) {
    let range = innerOf(p, tile);
    for (var from = range.x; from < range.y; from += BLOCK) {
      let to = from + min(range.y - from, BLOCK);
      // [left block][swap][row of the block][right block][column of the block]
      var sums = array<f32, 4u * TILE_ROWS * RIGHT_BLOCKS>();
      let lastQuad = (p.inner - 1u) & ~3u;   // past it nothing may be loaded: it comes again, and counts as zero
      for (var inner = from; inner < to; inner += 4u * DEPTH) {
        var a = array<mat4x4f, LEFT_BLOCKS * DEPTH>();
        var b = array<mat4x4f, RIGHT_BLOCKS * DEPTH>();
        //# unroll
        for (var i = 0u; i < LEFT_BLOCKS * DEPTH; i++) {
          a[i] = leftBlock(p, row + 4u * (4u * (i / DEPTH) + lane), min(inner + 4u * (i % DEPTH), lastQuad));
          if (i % DEPTH > 0u) { a[i] *= select(0.0, 1.0, inner + 4u * (i % DEPTH) < p.inner); }
        }
        //# unroll
        for (var j = 0u; j < RIGHT_BLOCKS * DEPTH; j++) {
          b[j] = rightBlock(p, column + 4u * (4u * (j / DEPTH) + lane), min(inner + 4u * (j % DEPTH), lastQuad));
        }
        // Values and no longer places: compilers take less time over what is read of them.
        let leftBlocks = a;
        let rightBlocks = b;
        //# unroll
        for (var i = 0u; i < TILE_ROWS; i++) {
          //# unroll
          for (var u = 0u; u < DEPTH; u++) {
            let x = swapped(leftBlocks[i / 16u * DEPTH + u][i % 4u], i / 4u % 4u);
            //# unroll
            for (var j = 0u; j < 4u * RIGHT_BLOCKS; j++) {
              sums[i * 4u * RIGHT_BLOCKS + j] = sums[i * 4u * RIGHT_BLOCKS + j]
                + x[0] * rightBlocks[j / 4u * DEPTH + u][0][j % 4u] + x[1] * rightBlocks[j / 4u * DEPTH + u][1][j % 4u]
                + x[2] * rightBlocks[j / 4u * DEPTH + u][2][j % 4u] + x[3] * rightBlocks[j / 4u * DEPTH + u][3][j % 4u];
            }
          }
        }
      }
      // Copied, so that the stores may stay a loop: unrolled, an activation in them would be compiled many times over.
      var results = array<vec4f, TILE_ROWS * RIGHT_BLOCKS>();
      //# unroll
      for (var i = 0u; i < TILE_ROWS * RIGHT_BLOCKS; i++) {
        results[i] = vec4f(sums[4u * i], sums[4u * i + 1u], sums[4u * i + 2u], sums[4u * i + 3u]);
      }
      for (var i = 0u; i < TILE_ROWS * RIGHT_BLOCKS; i++) {
        let line = i / RIGHT_BLOCKS;
        let own = lane ^ (line / 4u % 4u);
        keep(p, tile, from > range.x, row + 16u * (line / 16u) + 4u * own + line % 4u,
          column + 4u * (4u * (i % RIGHT_BLOCKS) + lane), results[i]);
      }
      if (ONCE) { break; }
    }
  }
  conclude(p, ((group.z * groups.y + group.y) * groups.x + group.x) * INVOCATIONS + lane);
}
