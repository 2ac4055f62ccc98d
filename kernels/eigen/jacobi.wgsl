// The eigenpairs of each symmetric matrix of a batch, eigenvalues descending: parallel two-sided Jacobi (Brent and Luk
// 1985), the rotations of one round being those of a round-robin tournament.
//
//   A (size, size), destroyed; values (size); vectors (size, size), an eigenvector a row; work (size, size).
//
// One workgroup per matrix. A round's pairs are disjoint, so a 2 x 2 cell of A that two pairs cut out is turned from both
// sides by one thread, which writes its mirror image too. An element is left alone where it is below TOLERANCE times
// sqrt |a_ii a_jj|; the rounds end when a whole sweep found none above it. A matrix that holds a NaN or an infinity has
// NaN for all its pairs.
//# import shared/jacobi.wgsl

struct Problem {
  size: u32,
  matrix: u32,         // first number of A, numbers from row to row
  matrixStride: u32,
  vectors: u32,        // first quad of vectors, quads from row to row; the same for work
  vectorsStride: u32,
  work: u32,
  workStride: u32,
  values: u32,         // first number of values
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> matrix: array<f32>;       // A: (size, size)
@group(0) @binding(2) var<storage, read_write> values: array<f32>;       // (size)
@group(0) @binding(3) var<storage, read_write> vectors: array<vec4f>;    // (size, size)
@group(0) @binding(4) var<storage, read_write> work: array<vec4f>;       // (size, size)

const WORKGROUP = 64u;
const MOST_PAIRS = 512u;
const MOST_SWEEPS = 15u;
const TOLERANCE = 5e-8f;

var<workgroup> pairOf: array<vec2u, MOST_PAIRS>;     // the two indices of each pair, the smaller first
var<workgroup> rotation: array<vec2f, MOST_PAIRS>;   // their cosine and sine
var<workgroup> largest: atomic<u32>;                 // bits of the largest |a_ij|
var<workgroup> lastTurn: atomic<u32>;                // number of the last round that turned anything
var<workgroup> again: u32;

/// Turns the cell of rows pairOf[p] and columns pairOf[q], p <= q, and its mirror image.
fn turnCell(first: u32, stride: u32, size: u32, p: u32, q: u32) {
  let left = rotation[p];
  let right = rotation[q];
  if (left.y == 0.0 && right.y == 0.0) { return; }
  let ab = pairOf[p];
  let cd = pairOf[q];
  let a = first + ab.x * stride;
  let b = first + ab.y * stride;
  if (p == q) {   // what is turned away is zero, not what rounding leaves of it
    let shift = left.y / left.x * matrix[a + ab.y];
    matrix[a + ab.x] -= shift;
    matrix[b + ab.y] += shift;
    matrix[a + ab.y] = 0.0;
    matrix[b + ab.x] = 0.0;
    return;
  }
  let hasB = ab.y < size;
  let hasD = cd.y < size;
  let c = first + cd.x * stride;
  let d = first + cd.y * stride;
  var upper = vec2f(matrix[a + cd.x], 0.0);
  var lower = vec2f();
  if (hasD) { upper.y = matrix[a + cd.y]; }
  if (hasB) { lower.x = matrix[b + cd.x]; }
  if (hasB && hasD) { lower.y = matrix[b + cd.y]; }
  let high = left.x * upper - left.y * lower;
  let low = left.y * upper + left.x * lower;
  let ac = right.x * high.x - right.y * high.y;
  let ad = right.y * high.x + right.x * high.y;
  let bc = right.x * low.x - right.y * low.y;
  let bd = right.y * low.x + right.x * low.y;
  matrix[a + cd.x] = ac;
  matrix[c + ab.x] = ac;
  if (hasD) {
    matrix[a + cd.y] = ad;
    matrix[d + ab.x] = ad;
  }
  if (hasB) {
    matrix[b + cd.x] = bc;
    matrix[c + ab.y] = bc;
  }
  if (hasB && hasD) {
    matrix[b + cd.y] = bd;
    matrix[d + ab.y] = bd;
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  let players = (p.size + 1u) / 2u * 2u;   // an odd size gets a player who never turns
  let pairs = players / 2u;
  let quads = (p.size + 3u) / 4u;
  var bits = 0u;
  for (var row = 0u; row < p.size; row++) {
    for (var column = lane; column < p.size; column += WORKGROUP) {
      bits = max(bits, magnitudeBits(matrix[p.matrix + row * p.matrixStride + column]));
    }
  }
  atomicMax(&largest, bits);
  for (var i = lane; i < p.size * quads; i += WORKGROUP) {
    let row = i / quads;
    let column = 4u * (i % quads);
    work[p.work + row * p.workStride + i % quads] = select(vec4f(), vec4f(1.0), vec4u(row) == column + vec4u(0u, 1u, 2u, 3u));
  }
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
          let x = matrix[p.matrix + ab.x * p.matrixStride + ab.x];
          let y = matrix[p.matrix + ab.x * p.matrixStride + ab.y];
          let z = matrix[p.matrix + ab.y * p.matrixStride + ab.y];
          if (abs(y) > TOLERANCE * sqrt(abs(x)) * sqrt(abs(z))) {
            rotation[pair] = rotationOf(x, y, z);
            atomicStore(&lastTurn, number);
          }
        }
      }
      workgroupBarrier();
      if (atomicLoad(&lastTurn) == number) {
        // Cells on and above the diagonal, folded into a rectangle: row r has those of pair r and of pairs - 1 - r.
        for (var i = lane; i < (pairs + 1u) / 2u * (pairs + 1u); i += WORKGROUP) {
          let r = i / (pairs + 1u);
          let c = i % (pairs + 1u);
          if (c > r) {
            turnCell(p.matrix, p.matrixStride, p.size, r, c - 1u);
          } else if (2u * r + 1u != pairs) {
            turnCell(p.matrix, p.matrixStride, p.size, pairs - 1u - r, pairs - 1u - c);
          }
        }
        for (var i = lane; i < pairs * quads; i += WORKGROUP) {
          let turn = rotation[i / quads];
          if (turn.y == 0.0) { continue; }
          let ab = pairOf[i / quads];
          let a = p.work + ab.x * p.workStride + i % quads;
          let b = p.work + ab.y * p.workStride + i % quads;
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
  let most = atomicLoad(&largest);
  // An eigenvalue's place is the number of those that go before it; equals keep their order.
  for (var i = lane; i < p.size; i += WORKGROUP) {
    let value = matrix[p.matrix + i * p.matrixStride + i];
    var place = 0u;
    for (var j = 0u; j < p.size; j++) {
      let other = matrix[p.matrix + j * p.matrixStride + j];
      place += u32(other > value || (other == value && j < i));
    }
    writePair(p, i, place, value, most);
  }
}
