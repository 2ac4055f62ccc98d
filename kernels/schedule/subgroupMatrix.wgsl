// Schedule of the matrix products for GPUs whose subgroups multiply matrices of float16 and add up in float32.
//
// A number x of an operand, times a power of two of its row's or column's (2^14 <= the largest of CHUNK numbers < 2^15), goes
// as two numbers of float16,
//
//   high = f16(x), low = f16(2^11 (x - high)): x = high + 2^-11 low, to 2^-23 of itself or 2^-50 of the largest,
//
// and a product as three: high high + 2^-11 (high low + low high). The three sums have matrices of their own, which keeps
// what is symmetric so to the bit, and after CHUNK numbers of the inner axis they are added to sums that are kept outside,
// times the powers: the units may cut off what they add where others round, and so do it no more than CHUNK times in a row
// (bench/NOTES.md has the bound). What is not finite makes all results of its row or column NaN. (Ootomo and Yokota 2022,
// "Recovering single precision accuracy from Tensor Cores".)
//
// 2 TILE threads make a tile of TILE x TILE, SUBGROUP_ROWS of their subgroups one below the other. All subgroups of the
// adapter have SUBGROUP lanes.
//# enable f16
//# enable subgroups
//# enable chromium_experimental_subgroup_matrix
//# import shared/product/tiles.wgsl
//# import shared/product/brought.wgsl

const SUBGROUP = 32u;
const SUBGROUP_ROWS = 2u;
const UNIT_ROWS = 16u;      // of a matrix that the units multiply
const UNIT_COLUMNS = 16u;
const UNIT_INNER = 16u;
const TILE = 64u;

const LINES = 2u * TILE;   // rows of the left operand and columns of the right
const DEPTH = 16u;         // of the inner axis a turn, of which a thread brings 4 x 4 numbers
const CHUNK = 128u;
const TILE_ROWS = TILE;
const TILE_COLUMNS = TILE;
const INVOCATIONS = LINES;
const HALF = TILE;
const QUADS = TILE / 4u;
const STEPS = DEPTH / 4u;
const WIDE = min(QUADS, 8u);       // quads brought by threads that follow each other
const STRIDE = TILE + 8u;          // what is loaded side by side begins in banks apart, and at 16 bytes, as Vulkan wants it
const PLANE = DEPTH * STRIDE;
const SUBGROUPS = INVOCATIONS / SUBGROUP;
const SUBGROUP_COLUMNS = SUBGROUPS / SUBGROUP_ROWS;
const DOWN = TILE / SUBGROUP_ROWS / UNIT_ROWS;   // matrices of results of a subgroup
const ACROSS = TILE / SUBGROUP_COLUMNS / UNIT_COLUMNS;
const RESULTS = UNIT_ROWS * UNIT_COLUMNS;
const STAGED = SUBGROUPS * RESULTS / 4u;                // quads of one matrix from each
const OWN = (STAGED + INVOCATIONS - 1u) / INVOCATIONS;   // of them, a thread

alias Left = subgroup_matrix_left<f16, UNIT_INNER, UNIT_ROWS>;
alias Right = subgroup_matrix_right<f16, UNIT_COLUMNS, UNIT_INNER>;
alias Sums = subgroup_matrix_result<f32, UNIT_COLUMNS, UNIT_ROWS>;

// [operand][high, low][inner][line], and as much more as the load of the last lines is counted to reach
var<workgroup> tiles: array<f16, 4u * PLANE + TILE>;
var<workgroup> staged: array<f32, 4u * STAGED>;         // [subgroup][row][column]
var<workgroup> largest: array<atomic<u32>, LINES>;      // of a line's numbers of the chunk, without signs: the bits

/// e of 2^e, which is no more than the line's largest number, but where that is below 2^-112.
fn exponent(line: u32) -> i32 {
  return i32(max(atomicLoad(&largest[line]) >> 23u, 15u)) - 127;
}

/// 2^e, for e from -126 to 127.
fn powerOfTwo(e: i32) -> f32 {
  return bitcast<f32>(u32(e + 127) << 23u);
}

/// A matrix of each subgroup, for all threads to read.
fn stage(subgroup: u32, sums: Sums) {
  subgroupMatrixStore<row_major>(&staged, subgroup * RESULTS, sums, UNIT_COLUMNS);
}

/// One of the quads of results that were staged, if there are so many.
fn stagedQuad(q: u32) -> vec4f {
  let at = 4u * min(q, STAGED - 1u);
  return vec4f(staged[at], staged[at + 1u], staged[at + 2u], staged[at + 3u]);
}

/// Row and column in the tile of a quad of matrix b of its subgroup.
fn placeOf(q: u32, b: u32) -> vec2u {
  let of = min(q, STAGED - 1u) * 4u / RESULTS;
  let at = q * 4u % RESULTS;
  return vec2u((of / SUBGROUP_COLUMNS * DOWN + b / ACROSS) * UNIT_ROWS + at / UNIT_COLUMNS,
               (of % SUBGROUP_COLUMNS * ACROSS + b % ACROSS) * UNIT_COLUMNS + at % UNIT_COLUMNS);
}

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  let tile = tileOf(group, groups);
  let p = problems[tile.problem];
  if (isMade(tile, p.rows, p.columns)) {
    let isLeft = lane < HALF;
    let quad = broughtQuad(lane);
    let step = broughtStep(lane);
    let line = select(tile.column, tile.row, isLeft) + 4u * quad;
    let own = select(TILE, 0u, isLeft) + 4u * quad;   // the first of the lines that it brings numbers of
    let put = select(2u * PLANE, 0u, isLeft) + step * STRIDE + 4u * quad;
    let high = subgroup / SUBGROUP_COLUMNS * DOWN * UNIT_ROWS;   // the subgroup's first row and column
    let wide = subgroup % SUBGROUP_COLUMNS * ACROSS * UNIT_COLUMNS;
    let range = innerOf(p, tile);
    for (var from = range.x; from < range.y; from += BLOCK) {
      let to = from + min(range.y - from, BLOCK);
      var sums = array<vec4f, DOWN * ACROSS * OWN>();   // [matrix][quad]
      for (var start = from; start < to; start += CHUNK) {
        let end = start + min(to - start, CHUNK);
        var most = vec4u();
        for (var inner = start + step; inner < end; inner += DEPTH) {
          let block = blockOf(broughtQuads(p, isLeft, line, inner, end), isLeft, counted(p, inner));
          //# unroll
          for (var u = 0u; u < 4u; u++) {
            most = max(most, bitcast<vec4u>(abs(block[u])));
          }
        }
        workgroupBarrier();   // those of the chunk before have been read
        atomicStore(&largest[lane], 0u);
        workgroupBarrier();
        //# unroll
        for (var c = 0u; c < 4u; c++) {
          atomicMax(&largest[own + c], most[c]);
        }
        workgroupBarrier();   // all threads have given theirs
        var scale = vec4f();
        //# unroll
        for (var c = 0u; c < 4u; c++) {
          scale[c] = powerOfTwo(14 - exponent(own + c));
        }
        var highs = array<Sums, DOWN * ACROSS>();    // high high
        var lefts = array<Sums, DOWN * ACROSS>();    // low high
        var rights = array<Sums, DOWN * ACROSS>();   // high low
        var quads = broughtQuads(p, isLeft, line, start + step, end);
        for (var inner = start; inner < end; inner += DEPTH) {
          let block = blockOf(quads, isLeft, counted(p, inner + step));
          workgroupBarrier();   // what stood there has been read
          //# unroll
          for (var u = 0u; u < 4u; u++) {
            let x = block[u] * scale;
            let first = vec4h(x);
            let second = vec4h((x - vec4f(first)) * 2048.0);
            //# unroll
            for (var c = 0u; c < 4u; c++) {
              tiles[put + u * STRIDE + c] = first[c];
              tiles[put + u * STRIDE + c + PLANE] = second[c];
            }
          }
          workgroupBarrier();   // this turn's tiles are written
          quads = broughtQuads(p, isLeft, line, inner + DEPTH + step, end);
          for (var at = 0u; at < PLANE; at += UNIT_INNER * STRIDE) {
            var left = array<Left, DOWN>();
            var lowLeft = array<Left, DOWN>();
            //# unroll
            for (var i = 0u; i < DOWN; i++) {
              left[i] = subgroupMatrixLoad<Left, col_major>(&tiles, at + high + UNIT_ROWS * i, STRIDE);
              lowLeft[i] = subgroupMatrixLoad<Left, col_major>(&tiles, at + high + UNIT_ROWS * i + PLANE, STRIDE);
            }
            //# unroll
            for (var j = 0u; j < ACROSS; j++) {
              let column = at + 2u * PLANE + wide + UNIT_COLUMNS * j;
              let right = subgroupMatrixLoad<Right, row_major>(&tiles, column, STRIDE);
              let lowRight = subgroupMatrixLoad<Right, row_major>(&tiles, column + PLANE, STRIDE);
              //# unroll
              for (var i = 0u; i < DOWN; i++) {
                highs[ACROSS * i + j] = subgroupMatrixMultiplyAccumulate(left[i], right, highs[ACROSS * i + j]);
                lefts[ACROSS * i + j] = subgroupMatrixMultiplyAccumulate(lowLeft[i], right, lefts[ACROSS * i + j]);
                rights[ACROSS * i + j] = subgroupMatrixMultiplyAccumulate(left[i], lowRight, rights[ACROSS * i + j]);
              }
            }
          }
        }
        //# unroll
        for (var b = 0u; b < DOWN * ACROSS; b++) {
          var chunk = array<vec4f, OWN>();
          //# unroll
          for (var of = 0u; of < 3u; of++) {
            workgroupBarrier();   // what stood there has been read
            if (of == 0u) { stage(subgroup, lefts[b]); }
            if (of == 1u) { stage(subgroup, rights[b]); }
            if (of == 2u) { stage(subgroup, highs[b]); }
            workgroupBarrier();   // the matrices are written
            //# unroll
            for (var o = 0u; o < OWN; o++) {
              chunk[o] = chunk[o] / select(1.0, 2048.0, of == 2u) + stagedQuad(lane + INVOCATIONS * o);
            }
          }
          //# unroll
          for (var o = 0u; o < OWN; o++) {
            let at = placeOf(lane + INVOCATIONS * o, b);
            //# unroll
            for (var c = 0u; c < 4u; c++) {
              let e = exponent(at.x) + exponent(TILE + at.y + c) - 28;   // in two halves, either of which is a number
              sums[OWN * b + o][c] += chunk[o][c] * powerOfTwo(e >> 1u) * powerOfTwo(e - (e >> 1u));
            }
          }
        }
      }
      // Copied, so that the stores may stay a loop: unrolled, an activation in them would be compiled many times over.
      var results = array<vec4f, DOWN * ACROSS * OWN>();
      //# unroll
      for (var i = 0u; i < DOWN * ACROSS * OWN; i++) {
        results[i] = sums[i];
      }
      for (var i = 0u; i < DOWN * ACROSS * OWN; i++) {
        let q = lane + INVOCATIONS * (i % OWN);
        let at = placeOf(q, i / OWN);
        if (q < STAGED) { keep(p, tile, from > range.x, tile.row + at.x, tile.column + at.y, results[i]); }
      }
      if (ONCE) { break; }
    }
  }
  conclude(p, ((group.z * groups.y + group.y) * groups.x + group.x) * INVOCATIONS + lane);
}
