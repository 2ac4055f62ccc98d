// An orthonormal basis of the rows of each matrix of a batch, in place: classical Gram-Schmidt, each row projected
// until it no longer shrinks ("twice is enough", Giraud, Langou and Rozloznik 2005).
//
//   Q (rows, columns), rows <= columns, row-major in rows of whole quads.
//
// A row that lies in the span of those before it comes out as what rounding left of it, cleaned. One that vanishes or is
// not finite, or of which even that lies in their span (as where columns repeat each other), is replaced by a fixed vector
// of signs.
//
// For processors: GPUs have orthonormalisePanels.wgsl. One workgroup per matrix. Four rows at a time are projected on all
// before them, so that a number loaded from those serves four products, and then one on the other.
//# import shared/workgroupSum.wgsl
//# import shared/eigen/orthonormal.wgsl

const WORKGROUP = 64u;
const BLOCK = 4u;
const PANEL = 256u;        // rows whose coefficients fit into workgroup memory at once
const SHORTEST = 1e-12f;
const LONGEST = 1e12f;

var<workgroup> coefficients: array<vec4f, PANEL>;   // [row projected on][row of the block]

/// The length of a row, the same for the whole workgroup.
fn lengthOf(start: u32, quads: u32, lane: u32) -> f32 {
  var squares = 0.0;
  for (var q = lane; q < quads; q += WORKGROUP) {
    squares += dot(matrix[start + q], matrix[start + q]);
  }
  return sqrt(workgroupSum(lane, squares));
}

/// Takes from `count` rows, up to BLOCK, from `row` on what lies in the span of the first `before` rows.
fn project(p: Problem, row: u32, count: u32, before: u32, quads: u32, lane: u32) {
  let last = row + count - 1u;
  var rows = array<u32, BLOCK>();   // where each begins; after the last it stands again, and is left alone
  for (var k = 0u; k < BLOCK; k++) { rows[k] = p.matrix + min(row + k, last) * p.stride; }
  for (var panel = 0u; panel < before; panel += PANEL) {
    let end = min(panel + PANEL, before);
    for (var i = panel + lane; i < end; i += WORKGROUP) {
      var dots = mat4x4f();
      for (var q = 0u; q < quads; q++) {
        let x = matrix[p.matrix + i * p.stride + q];
        //# unroll
        for (var k = 0u; k < 4u; k++) {
          dots[k] = fma(matrix[rows[k] + q], x, dots[k]);
        }
      }
      coefficients[i - panel] = vec4f(1.0) * dots;
    }
    workgroupBarrier();
    for (var q = lane; q < quads; q += WORKGROUP) {
      var values = mat4x4f(matrix[rows[0] + q], matrix[rows[1] + q], matrix[rows[2] + q], matrix[rows[3] + q]);
      for (var i = panel; i < end; i++) {
        let x = matrix[p.matrix + i * p.stride + q];
        let c = coefficients[i - panel];
        //# unroll
        for (var k = 0u; k < 4u; k++) {
          values[k] = fma(vec4f(-c[k]), x, values[k]);
        }
      }
      for (var k = 0u; k < count; k++) { matrix[rows[k] + q] = values[k]; }
    }
    storageBarrier();
    workgroupBarrier();
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  let quads = (p.columns + 3u) / 4u;
  // A thread keeps to its own quads of a row but where it takes a product with a whole row. Padding counts as zero.
  for (var i = lane; i < p.rows; i += WORKGROUP) { clearPadding(p, i); }
  storageBarrier();
  workgroupBarrier();
  for (var head = 0u; head < p.rows; head += BLOCK) {
    let count = min(BLOCK, p.rows - head);
    var lengths = vec4f();
    for (var k = 0u; k < count; k++) {
      let start = p.matrix + (head + k) * p.stride;
      var length = 0.0;
      for (var i = 0u; ; i++) {
        length = lengthOf(start, quads, lane);
        if (i == 3u || (length > SHORTEST && length < LONGEST)) { break; }   // else its square may not be a number
        for (var q = lane; q < quads; q += WORKGROUP) {
          matrix[start + q] *= select(1.0 / SHORTEST, 1.0 / LONGEST, length >= LONGEST);
        }
        storageBarrier();
        workgroupBarrier();
      }
      lengths[k] = length;
    }
    for (var k = 0u; k < count; k++) {
      let row = head + k;
      let start = p.matrix + row * p.stride;
      if (k > 0u) {   // on the rows of the block before it
        var products = vec4f();
        for (var q = lane; q < quads; q += WORKGROUP) {
          let x = matrix[start + q];
          for (var i = 0u; i < k; i++) { products[i] += dot(x, matrix[p.matrix + (head + i) * p.stride + q]); }
        }
        let c = workgroupSums(lane, products);
        for (var q = lane; q < quads; q += WORKGROUP) {
          var x = matrix[start + q];
          for (var i = 0u; i < k; i++) { x = fma(vec4f(-c[i]), matrix[p.matrix + (head + i) * p.stride + q], x); }
          matrix[start + q] = x;
        }
      }
      var before = lengths[k];
      var replaced = false;
      for (var turn = 0u; turn < MOST_TURNS; turn++) {
        let again = turn > 0u;
        if (again || k == 0u) {   // the block, or a row by itself: called here alone, since compilers write it out at each call
          let from = select(head, row, again);
          project(p, from, select(count, 1u, again), from, quads, lane);
        }
        let length = lengthOf(start, quads, lane);
        let inSpan = turn > 0u && !replaced && length < LEFT_OVER * before;
        let vanished = inSpan || length < 1e-30 || magnitudeBits(length) >= INFINITE;
        for (var q = lane; q < quads; q += WORKGROUP) {
          matrix[start + q] = select(matrix[start + q] / length, fresh(p, row, q), vanished);
        }
        storageBarrier();
        workgroupBarrier();
        if (!vanished && length > 0.7 * before) { break; }
        replaced = replaced || vanished;
        before = select(1.0, sqrt(f32(p.columns)), vanished);
      }
    }
  }
}
