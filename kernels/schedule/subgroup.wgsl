// Schedule of the matrix products for an adapter whose subgroups all have SUBGROUP lanes, one subgroup per workgroup.
//
// The tile is 4 SHARED_BLOCKS rows by 4 SUBGROUP OWN_BLOCKS columns. The lanes load the left operand's blocks, one a
// lane in turn, and hand every number of them to all lanes by a broadcast, so that a load serves 4 SUBGROUP OWN_BLOCKS
// products; each lane has columns of its own. On CPU adapters a load costs as much as many multiplications, and a
// barrier more still. MIRRORED, for products of few columns, shares columns and gives each lane rows of its own.
// It may be chosen only where the adapter's smallest and largest subgroup size are both SUBGROUP.
//
// The unrolled lane numbers are constants, as subgroupBroadcast demands.
//# enable subgroups
//# import shared/product/blocks.wgsl
//# import shared/product/tiles.wgsl

const SUBGROUP = 8u;
const SHARED_BLOCKS = 8u;
const OWN_BLOCKS = 1u;
const MIRRORED = false;
const LOADS = (SHARED_BLOCKS - 1u) / SUBGROUP + 1u;   // of the shared operand's blocks, a lane
const TILE_ROWS = select(4u * SHARED_BLOCKS, 4u * SUBGROUP * OWN_BLOCKS, MIRRORED);
const TILE_COLUMNS = select(4u * SUBGROUP * OWN_BLOCKS, 4u * SHARED_BLOCKS, MIRRORED);
const INVOCATIONS = SUBGROUP;

/// [line][u] of the operand that the lanes share.
fn sharedBlock(p: Problem, line: u32, inner: u32) -> mat4x4f {
  if (MIRRORED) { return transpose(rightBlock(p, line, inner)); }
  return leftBlock(p, line, inner);
}

/// [u][line] of the operand of which each lane has lines of its own.
fn ownBlock(p: Problem, line: u32, inner: u32) -> mat4x4f {
  if (MIRRORED) { return transpose(leftBlock(p, line, inner)); }
  return rightBlock(p, line, inner);
}

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let tile = tileOf(group, groups);
  let p = problems[tile.problem];
  let sharedLine = select(tile.row, tile.column, MIRRORED);
  let ownLine = select(tile.column, tile.row, MIRRORED) + 4u * lane;
  if (isMade(tile, p.rows, p.columns)) {
    let range = innerOf(p, tile);
    for (var from = range.x; from < range.y; from += BLOCK) {
      let to = from + min(range.y - from, BLOCK);
      var sums = array<vec4f, 4u * SHARED_BLOCKS * OWN_BLOCKS>();   // [own block][shared line]
      for (var inner = from; inner < to; inner += 4u) {
        var a = array<mat4x4f, LOADS>();
        var b = array<mat4x4f, OWN_BLOCKS>();
        //# unroll
        for (var i = 0u; i < LOADS; i++) {
          a[i] = sharedBlock(p, sharedLine + 4u * min(i * SUBGROUP + lane, SHARED_BLOCKS - 1u), inner);
        }
        //# unroll
        for (var j = 0u; j < OWN_BLOCKS; j++) {
          b[j] = ownBlock(p, ownLine + 4u * SUBGROUP * j, inner);
        }
        //# unroll
        for (var i = 0u; i < 4u * SHARED_BLOCKS; i++) {
          let x0 = subgroupBroadcast(a[i / (4u * SUBGROUP)][i % 4u][0], i / 4u % SUBGROUP);
          let x1 = subgroupBroadcast(a[i / (4u * SUBGROUP)][i % 4u][1], i / 4u % SUBGROUP);
          let x2 = subgroupBroadcast(a[i / (4u * SUBGROUP)][i % 4u][2], i / 4u % SUBGROUP);
          let x3 = subgroupBroadcast(a[i / (4u * SUBGROUP)][i % 4u][3], i / 4u % SUBGROUP);
          // One expression, so that sums that do not all fit into registers are loaded and stored once for four steps.
          //# unroll
          for (var j = 0u; j < OWN_BLOCKS; j++) {
            sums[4u * SHARED_BLOCKS * j + i] = fma(vec4f(x3), b[j][3], fma(vec4f(x2), b[j][2],
              fma(vec4f(x1), b[j][1], fma(vec4f(x0), b[j][0], sums[4u * SHARED_BLOCKS * j + i]))));
          }
        }
      }
      // Copied, so that the stores may stay a loop: unrolled, an activation in them would be compiled many times over. Mesa
      // unrolls a loop that has as many turns as an array in it has elements: so there is one more.
      var results = array<vec4f, 4u * SHARED_BLOCKS * OWN_BLOCKS + 1u>();   // [own block][shared block][row of the block]
      //# unroll
      for (var b = 0u; b < SHARED_BLOCKS * OWN_BLOCKS; b++) {
        var quads = mat4x4f(sums[4u * b], sums[4u * b + 1u], sums[4u * b + 2u], sums[4u * b + 3u]);
        if (MIRRORED) { quads = transpose(quads); }
        //# unroll
        for (var i = 0u; i < 4u; i++) { results[4u * b + i] = quads[i]; }
      }
      for (var i = 0u; i < 4u * SHARED_BLOCKS * OWN_BLOCKS; i++) {
        let sharedAt = sharedLine + i / 4u % SHARED_BLOCKS * 4u;
        let ownAt = ownLine + i / 4u / SHARED_BLOCKS * 4u * SUBGROUP;
        keep(p, tile, from > range.x, select(sharedAt, ownAt, MIRRORED) + i % 4u, select(ownAt, sharedAt, MIRRORED), results[i]);
      }
      if (ONCE) { break; }
    }
  }
  conclude(p, ((group.z * groups.y + group.y) * groups.x + group.x) * INVOCATIONS + lane);
}
