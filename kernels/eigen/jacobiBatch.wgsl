// All eigenpairs of each of many small symmetric matrices, eigenvalues descending: parallel two-sided Jacobi (Brent and
// Luk 1985), as in jacobi.wgsl, on the lower triangle of A in workgroup memory.
//
//   A (size, size), size <= MOST_SIZE, of which the lower triangle is read; values (size); vectors (size, size), an
//   eigenvector a row; work (size, size).
//
// One workgroup per matrix. An element is left alone where it is below NEGLIGIBLE times the largest |a_ij|, or below
// TOLERANCE times sqrt |a_ii a_jj|; the rounds end when a whole sweep found none above. Everything is linear in A, so
// that no magnitude of it matters. A matrix that holds a NaN or an infinity has NaN for all its pairs.
//# import shared/eigen/jacobi.wgsl

@group(0) @binding(4) var<storage, read> matrix: array<f32>;             // A: (size, size)

const MOST_SIZE = 64u;
const MOST_PAIRS = (MOST_SIZE + 1u) / 2u;
const NEGLIGIBLE = 1.5e-8f;   // 2^-26

var<workgroup> triangle: array<f32, MOST_SIZE * (MOST_SIZE + 1u) / 2u>;   // row after row, each up to the diagonal
var<workgroup> cellOf: array<vec2u, MOST_PAIRS * (MOST_PAIRS + 1u) / 2u>;   // two pairs each, the first not the greater

/// Turns the cell of rows pairOf[p] and columns pairOf[q], p < q or p == q.
fn turnCell(size: u32, p: u32, q: u32) {
  let left = rotation[p];
  let right = rotation[q];
  if (left.y == 0.0 && right.y == 0.0) { return; }
  let ab = pairOf[p];
  let cd = pairOf[q];
  if (p == q) {   // what is turned away is zero, not what rounding leaves of it
    let across = placeOf(ab.x, ab.y);
    let shift = left.y / left.x * triangle[across];
    triangle[placeOf(ab.x, ab.x)] -= shift;
    triangle[placeOf(ab.y, ab.y)] += shift;
    triangle[across] = 0.0;
    return;
  }
  let hasB = ab.y < size;
  let hasD = cd.y < size;
  let ac = placeOf(ab.x, cd.x);
  let ad = placeOf(ab.x, cd.y);
  let bc = placeOf(ab.y, cd.x);
  let bd = placeOf(ab.y, cd.y);
  var upper = vec2f(triangle[ac], 0.0);
  var lower = vec2f();
  if (hasD) { upper.y = triangle[ad]; }
  if (hasB) { lower.x = triangle[bc]; }
  if (hasB && hasD) { lower.y = triangle[bd]; }
  let high = left.x * upper - left.y * lower;
  let low = left.y * upper + left.x * lower;
  triangle[ac] = right.x * high.x - right.y * high.y;
  if (hasD) { triangle[ad] = right.y * high.x + right.x * high.y; }
  if (hasB) { triangle[bc] = right.x * low.x - right.y * low.y; }
  if (hasB && hasD) { triangle[bd] = right.y * low.x + right.x * low.y; }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  let players = (p.size + 1u) / 2u * 2u;   // an odd size gets a player who never turns
  let pairs = players / 2u;
  let quads = (p.size + 3u) / 4u;
  var bits = 0u;
  for (var row = 0u; row < p.size; row++) {
    for (var column = lane; column <= row; column += WORKGROUP) {
      let value = matrix[p.matrix + row * p.matrixStride + column];
      triangle[placeOf(row, column)] = value;
      bits = max(bits, magnitudeBits(value));
    }
  }
  atomicMax(&largest, bits);
  for (var i = lane; i < p.size * quads; i += WORKGROUP) {
    let row = i / quads;
    let column = 4u * (i % quads);
    work[p.work + row * p.workStride + i % quads] = select(vec4f(), vec4f(1.0), vec4u(row) == column + vec4u(0u, 1u, 2u, 3u));
  }
  storageBarrier();
  workgroupBarrier();
  let most = atomicLoad(&largest);
  let negligible = NEGLIGIBLE * bitcast<f32>(most);
  for (var q = lane; q < pairs; q += WORKGROUP) {
    for (var r = 0u; r <= q; r++) { cellOf[q * (q + 1u) / 2u + r] = vec2u(r, q); }
  }
  // Rows of quads are counted as if they had a power of two of them: no division by a number that is not constant.
  let shift = 32u - countLeadingZeros(quads - 1u);
  var number = 0u;   // of the round, from 1
  for (var sweep = 0u; sweep < MOST_SWEEPS; sweep++) {
    let before = number;
    for (var round = 0u; round + 1u < players; round++) {
      number++;
      storageBarrier();
      workgroupBarrier();
      for (var pair = lane; pair < pairs; pair += WORKGROUP) {
        let ab = playersOf(pair, round, players);
        pairOf[pair] = ab;
        rotation[pair] = vec2f(1.0, 0.0);
        if (ab.y < p.size) {
          let x = triangle[placeOf(ab.x, ab.x)];
          let y = triangle[placeOf(ab.x, ab.y)];
          let z = triangle[placeOf(ab.y, ab.y)];
          if (abs(y) > max(negligible, TOLERANCE * sqrt(abs(x)) * sqrt(abs(z)))) {
            rotation[pair] = rotationOf(x, y, z);
            atomicStore(&lastTurn, number);
          }
        }
      }
      workgroupBarrier();
      if (atomicLoad(&lastTurn) == number) {
        for (var i = lane; i < pairs * (pairs + 1u) / 2u; i += WORKGROUP) { turnCell(p.size, cellOf[i].x, cellOf[i].y); }
        for (var i = lane; i < pairs << shift; i += WORKGROUP) {
          let pair = i >> shift;
          let q = i - (pair << shift);
          let turn = rotation[pair];
          if (turn.y == 0.0 || q >= quads) { continue; }
          let ab = pairOf[pair];
          let a = p.work + ab.x * p.workStride + q;
          let b = p.work + ab.y * p.workStride + q;
          let x = work[a];
          let y = work[b];
          work[a] = turn.x * x - turn.y * y;
          work[b] = turn.y * x + turn.x * y;
        }
      }
    }
    storageBarrier();
    workgroupBarrier();
    if (lane == 0u) { again = u32(atomicLoad(&lastTurn) > before); }
    if (workgroupUniformLoad(&again) == 0u) { break; }
  }
  // An eigenvalue's place is the number of those that go before it; equals keep their order.
  for (var i = lane; i < p.size; i += WORKGROUP) {
    let value = triangle[placeOf(i, i)];
    var rank = 0u;
    for (var j = 0u; j < p.size; j++) {
      let other = triangle[placeOf(j, j)];
      rank += u32(other > value || (other == value && j < i));
    }
    writePair(p, i, rank, value, most);
  }
}
