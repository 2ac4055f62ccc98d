// An orthonormal basis of the rows of each matrix of a batch, in place, on a GPU: modified Gram-Schmidt by panels of four
// rows, in turns, at least two and until no row shrinks ("twice is enough", Giraud, Langou and Rozloznik 2005).
//
//   Q (rows, columns), rows <= columns, row-major in rows of whole quads.
//
// In a turn each panel is made orthonormal, row by row, and then all rows after it are projected on it. A third turn begins
// with the first row that shrank in the second: those before it are done. What becomes of rows that vanish or are not
// finite is told in orthonormalise.wgsl. That one takes processors half the time; but it has eight times the barriers, and
// neighbouring threads of it load from different rows.
//
// One workgroup per matrix. TEAM neighbouring threads share a row, so that what they load is contiguous. The panel, which
// all teams load, is in workgroup memory, but for what of long rows has no room there. FEW threads make a panel
// orthonormal, each its own quads: with more there would be more shares to add up than products.
//# import shared/eigen/orthonormal.wgsl

const WORKGROUP = 256u;
const TEAM = 8u;
const TEAMS = WORKGROUP / TEAM;
const FEW = WORKGROUP / 8u;   // so that four times as many have a share each
const PANEL = 4u;
const ROOM = 128u;         // quads of a row that are in workgroup memory
const SHORTEST = 1e-12f;   // a row shorter than that has vanished: it began with a length of about 1 or more
const SMALLEST = 1e-30f;

var<workgroup> panel: array<vec4f, PANEL * ROOM>;
var<workgroup> shares: array<vec4f, WORKGROUP>;   // in sums, a thread each

fn sumOf(start: u32, count: u32) -> vec4f {
  var sum = vec4f();
  for (var i = start; i < start + count; i++) { sum += shares[i]; }
  return sum;
}

/// A quad of the k-th row from `head` on; past the last row, some number.
fn quadOf(p: Problem, head: u32, k: u32, q: u32) -> vec4f {
  if (q < ROOM) { return panel[k * ROOM + q]; }
  return matrix[p.matrix + min(head + k, p.rows - 1u) * p.stride + q];
}

/// That of each of the panel's rows.
fn quadsOf(p: Problem, head: u32, q: u32) -> mat4x4f {
  return mat4x4f(quadOf(p, head, 0u, q), quadOf(p, head, 1u, q), quadOf(p, head, 2u, q), quadOf(p, head, 3u, q));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  let quads = (p.columns + 3u) / 4u;
  let own = select(0u, quads, lane < FEW);   // where a thread's own quads of a panel end
  let member = lane % TEAM;
  for (var top = 0u; top < p.rows; top += TEAMS) {   // by their sums, since the squares of numbers may be none
    let row = top + lane / TEAM;
    let start = p.matrix + row * p.stride;
    let end = select(0u, quads, row < p.rows);   // a team without a row has its part in the barriers alone
    if (member < end && member == (quads - 1u) % TEAM) { clearPadding(p, row); }
    var sum = 0.0;
    for (var q = member; q < end; q += TEAM) { sum += dot(abs(matrix[start + q]), vec4f(1.0 / 65536.0)); }
    shares[lane] = vec4f(sum);
    workgroupBarrier();
    let size = max(sumOf(lane - member, TEAM).x, SMALLEST);
    for (var q = member; q < end; q += TEAM) { matrix[start + q] /= size; }
    storageBarrier();     // a row's next reader is another thread
    workgroupBarrier();   // and the shares are free again
  }
  var done = 0u;   // rows, in the turns before
  for (var turn = 0u; turn < MOST_TURNS && done < p.rows; turn++) {
    var shrunk = select(p.rows, 0u, turn == 0u);   // the first that has another turn
    var head = 0u;
    while (head < p.rows) {
      let isDone = head < done;
      let count = min(PANEL, select(p.rows, done, isDone) - head);
      for (var q = lane; q < min(own, ROOM); q += FEW) {
        for (var k = 0u; k < count; k++) { panel[k * ROOM + q] = matrix[p.matrix + (head + k) * p.stride + q]; }
      }
      for (var k = 0u; k < count && !isDone; k++) {
        var share = vec4f();
        for (var q = lane; q < own; q += FEW) { share += quadOf(p, head, k, q) * quadsOf(p, head, q); }
        if (lane < FEW) { shares[k * FEW + lane] = share; }   // apart from those of the row before, which others may be at
        workgroupBarrier();
        let products = sumOf(k * FEW, FEW);
        let length = sqrt(products[k]);
        let vanished = length < select(SHORTEST, LEFT_OVER, turn == 1u) || magnitudeBits(length) >= INFINITE;
        if (vanished || length <= 0.7) { shrunk = min(shrunk, head + k); }
        // On what replaces a row those after it are projected in the next turn.
        let c = select(products / length, vec4f(), first(select(k + 1u, 4u, vanished)));
        let most = select(length, sqrt(f32(p.columns)), vanished);
        for (var q = lane; q < own; q += FEW) {
          let x = select(quadOf(p, head, k, q), fresh(p, head + k, q), vanished) / most;
          for (var j = k; j < count; j++) {
            let y = select(fma(vec4f(-c[j]), x, quadOf(p, head, j, q)), x, j == k);
            matrix[p.matrix + (head + j) * p.stride + q] = y;
            if (q < ROOM) { panel[j * ROOM + q] = y; }
          }
        }
      }
      storageBarrier();
      workgroupBarrier();
      for (var top = max(head + count, done); top < p.rows; top += TEAMS) {
        let row = top + lane / TEAM;
        let start = p.matrix + row * p.stride;
        let end = select(0u, quads, row < p.rows);
        var share = vec4f();
        for (var q = member; q < end; q += TEAM) { share += matrix[start + q] * quadsOf(p, head, q); }
        shares[lane] = share;
        workgroupBarrier();
        let c = select(vec4f(), sumOf(lane - member, TEAM), first(count));
        for (var q = member; q < end; q += TEAM) { matrix[start + q] -= quadsOf(p, head, q) * c; }
        storageBarrier();
        workgroupBarrier();
      }
      head += count;
    }
    if (lane == 0u) { shares[0] = vec4f(f32(shrunk)); }
    done = u32(workgroupUniformLoad(&shares[0]).x);
  }
}
