// Schedule of the matrix products for GPUs: tiles of both operands in workgroup memory, register tiles in the threads.
//
// LANES x LANES threads make a tile of 4 LANES BLOCKS rows by as many columns, 4 BLOCKS x 4 BLOCKS numbers each, from every
// SLICES-th number of the inner axis; so many slices make a workgroup of 256 threads and add their sums at the end, in
// their order. In a turn every thread brings one 4 x 4 block, half of them of the left operand, half of the right, and
// the next turn's is on its way while this one's are multiplied. That a workgroup has 256 threads whatever its tile
// hides the waits of a small one, and leaves no product of few tiles to a few threads.
//
// Workgroup memory has 32 banks of a word. It is written and read by quads, those of 8 threads at a time: quads that
// follow each other lie in banks apart.
//# import shared/product/brought.wgsl
//# import shared/product/tiles.wgsl

const LANES = 8u;
const BLOCKS = 1u;
const INVOCATIONS = 256u;
const HALF = INVOCATIONS / 2u;
const SLICES = INVOCATIONS / (LANES * LANES);
const QUADS = LANES * BLOCKS;   // along a tile's side
const STEPS = HALF / QUADS;     // quads of the inner axis a turn
const DEPTH = 4u * STEPS;
const TILE_ROWS = 4u * QUADS;
const TILE_COLUMNS = 4u * QUADS;
const WIDE = min(QUADS, 8u);    // quads brought by threads that follow each other

// [operand][inner][quad of rows or of columns]; at the end [row of a quad][slice][quad of the results]
var<workgroup> tiles: array<vec4f, 4u * INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tileOf(group, groups);
  let p = problems[tile.problem];
  if (isMade(tile, p.rows, p.columns)) {
    let isLeft = lane < HALF;
    let quad = broughtQuad(lane);
    let step = broughtStep(lane);
    let line = select(tile.column, tile.row, isLeft) + 4u * quad;
    let start = select(HALF * 4u, 0u, isLeft) + quad;
    let slice = lane / (LANES * LANES);
    let high = lane / LANES % LANES;   // the rows and columns that it multiplies: of quads high + LANES i by wide + LANES j
    let wide = lane % LANES;
    let range = innerOf(p, tile);
    for (var from = range.x; from < range.y; from += BLOCK) {
      let to = from + min(range.y - from, BLOCK);
      var sums = array<vec4f, 4u * BLOCKS * BLOCKS>();   // [i][j][row of the quad]
      var quads = broughtQuads(p, isLeft, line, from + step, to);
      for (var inner = from; inner < to; inner += DEPTH) {
        let block = blockOf(quads, isLeft, counted(p, inner + step));
        workgroupBarrier();   // what stood there has been read
        //# unroll
        for (var u = 0u; u < 4u; u++) {
          tiles[start + (step + u) * QUADS] = block[u];
        }
        workgroupBarrier();   // this turn's tiles are written
        quads = broughtQuads(p, isLeft, line, inner + DEPTH + step, to);
        for (var u = 0u; u < DEPTH / SLICES; u++) {
          let at = (u * SLICES + slice) * QUADS;
          var y = array<vec4f, BLOCKS>();
          //# unroll
          for (var j = 0u; j < BLOCKS; j++) {
            y[j] = tiles[HALF * 4u + at + LANES * j + wide];
          }
          //# unroll
          for (var i = 0u; i < BLOCKS; i++) {
            let x = tiles[at + LANES * i + high];
            //# unroll
            for (var j = 0u; j < BLOCKS; j++) {
              //# unroll
              for (var r = 0u; r < 4u; r++) {
                sums[4u * (BLOCKS * i + j) + r] = fma(vec4f(x[r]), y[j], sums[4u * (BLOCKS * i + j) + r]);
              }
            }
          }
        }
      }
      //# unroll
      for (var b = 0u; b < BLOCKS * BLOCKS; b++) {
        workgroupBarrier();   // what stood there has been read
        //# unroll
        for (var r = 0u; r < 4u; r++) {
          tiles[r * INVOCATIONS + lane] = sums[4u * b + r];
        }
        workgroupBarrier();   // all slices' sums are written
        for (var i = lane; i < 4u * LANES * LANES; i += INVOCATIONS) {
          let own = i % (LANES * LANES);
          let r = i / (LANES * LANES);
          var sum = vec4f();
          for (var s = 0u; s < SLICES; s++) {
            sum += tiles[r * INVOCATIONS + s * LANES * LANES + own];
          }
          keep(p, tile, from > range.x, tile.row + 4u * (b / BLOCKS * LANES + own / LANES) + r,
            tile.column + 4u * (b % BLOCKS * LANES + own % LANES), sum);
        }
      }
      if (ONCE) { break; }
    }
  }
  conclude(p, ((group.z * groups.y + group.y) * groups.x + group.x) * INVOCATIONS + lane);
}
