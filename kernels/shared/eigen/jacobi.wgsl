// What the Jacobi kernels share: parallel two-sided Jacobi (Brent and Luk 1985), the rotations of one round being those of a
// round-robin tournament.
//
//   A (size, size), of which the lower triangle is read; values (size), descending; vectors (size, size), an eigenvector a
//   row; work (size, size).
//
// One workgroup per matrix. A round's pairs are disjoint, so a 2 x 2 cell of A that two pairs cut out is turned from both
// sides by one thread. An element is left alone where it is up to NEGLIGIBLE times the largest |a_ij|, or up to `tolerance`
// times sqrt |a_ii a_jj|; the rounds end when a whole sweep found none above. A matrix that holds a NaN or an infinity has
// NaN for all its pairs.
//
// The importer has the binding matrix, MOST_PAIRS and NEGLIGIBLE, and says where A is turned (`place`, `element`, `put`) and
// which is the i-th of the cells on and above the diagonal (`cellAt`). It finds the `largest` number.
//# import shared/finite.wgsl

struct Problem {
  size: u32,
  matrix: u32,         // first number of A, numbers from row to row
  matrixStride: u32,
  vectors: u32,        // first quad of vectors, quads from row to row; the same for work
  vectorsStride: u32,
  work: u32,
  workStride: u32,
  values: u32,         // first number of values
  tolerance: f32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;       // (size)
@group(0) @binding(2) var<storage, read_write> vectors: array<vec4f>;    // (size, size)
@group(0) @binding(3) var<storage, read_write> work: array<vec4f>;       // (size, size)

const WORKGROUP = 64u;
const MOST_SWEEPS = 15u;

var<workgroup> pairOf: array<vec2u, MOST_PAIRS>;     // the two indices of each pair, the smaller first
var<workgroup> rotation: array<vec2f, MOST_PAIRS>;   // their cosine and sine
var<workgroup> largest: atomic<u32>;                 // bits of the largest |a_ij|, which order as the numbers do
var<workgroup> lastTurn: atomic<u32>;                // number of the last round that turned anything
var<workgroup> again: u32;

/// The players of a pair in a round of a round-robin tournament: all but the last go round in a circle.
fn playersOf(pair: u32, round: u32, circle: u32) -> vec2u {
  let ahead = round + pair;   // below twice the circle: a division would cost more than all else
  let behind = round + circle - pair;
  let a = select(ahead, ahead - circle, ahead >= circle);
  let b = select(select(behind, behind - circle, behind >= circle), circle, pair == 0u);
  return vec2u(min(a, b), max(a, b));
}

/// (c, s) that bring [[x, y], [y, z]] to a diagonal: Golub and Van Loan, section 8.5.2.
fn rotationOf(x: f32, y: f32, z: f32) -> vec2f {
  let theta = (z - x) / (2.0 * y);
  let t = select(-1.0, 1.0, theta >= 0.0) / (abs(theta) + sqrt(theta * theta + 1.0));
  let c = 1.0 / sqrt(t * t + 1.0);
  return vec2f(c, t * c);
}

/// Turns the cell of rows pairOf[cell.x] and columns pairOf[cell.y], the first not the greater.
fn turnCell(p: Problem, cell: vec2u) {
  let left = rotation[cell.x];
  let right = rotation[cell.y];
  if (left.y == 0.0 && right.y == 0.0) { return; }
  let ab = pairOf[cell.x];
  let cd = pairOf[cell.y];
  let ac = place(p, ab.x, cd.x);
  let ad = place(p, ab.x, cd.y);
  let bd = place(p, ab.y, cd.y);
  if (cell.x == cell.y) {   // what is turned away is zero, not what rounding leaves of it
    let shift = left.y / left.x * element(ad);
    put(ac, element(ac) - shift);
    put(bd, element(bd) + shift);
    put(ad, 0.0);
    return;
  }
  let bc = place(p, ab.y, cd.x);
  let hasB = ab.y < p.size;
  let hasD = cd.y < p.size;
  var upper = vec2f(element(ac), 0.0);
  var lower = vec2f();
  if (hasD) { upper.y = element(ad); }
  if (hasB) { lower.x = element(bc); }
  if (hasB && hasD) { lower.y = element(bd); }
  let high = left.x * upper - left.y * lower;
  let low = left.y * upper + left.x * lower;
  put(ac, right.x * high.x - right.y * high.y);
  if (hasD) { put(ad, right.y * high.x + right.x * high.y); }
  if (hasB) { put(bc, right.x * low.x - right.y * low.y); }
  if (hasB && hasD) { put(bd, right.y * low.x + right.x * low.y); }
}

/// The rounds, from work as the identity.
fn turnAll(p: Problem, lane: u32) {
  let pairs = (p.size + 1u) / 2u;   // an odd size gets a player who never turns
  let rounds = 2u * pairs - 1u;
  let quads = (p.size + 3u) / 4u;
  for (var i = lane; i < p.size * quads; i += WORKGROUP) {
    let row = i / quads;
    let q = i % quads;
    work[p.work + row * p.workStride + q] = vec4f(vec4u(row) == 4u * q + vec4u(0u, 1u, 2u, 3u));
  }
  var number = 0u;   // of the round, from 1
  for (var sweep = 0u; sweep < MOST_SWEEPS; sweep++) {
    let before = number;
    for (var round = 0u; round < rounds; round++) {
      number++;
      storageBarrier();
      workgroupBarrier();
      for (var pair = lane; pair < pairs; pair += WORKGROUP) {
        let ab = playersOf(pair, round, rounds);
        pairOf[pair] = ab;
        rotation[pair] = vec2f(1.0, 0.0);
        if (ab.y < p.size) {
          let x = element(place(p, ab.x, ab.x));
          let y = element(place(p, ab.x, ab.y));
          let z = element(place(p, ab.y, ab.y));
          let negligible = NEGLIGIBLE * bitcast<f32>(atomicLoad(&largest));
          if (abs(y) > negligible && abs(y) > p.tolerance * sqrt(abs(x)) * sqrt(abs(z))) {
            rotation[pair] = rotationOf(x, y, z);
            atomicStore(&lastTurn, number);
          }
        }
      }
      workgroupBarrier();
      if (atomicLoad(&lastTurn) == number) {
        for (var i = lane; i < pairs * (pairs + 1u) / 2u; i += WORKGROUP) { turnCell(p, cellAt(i, pairs)); }
        for (var i = lane; i < pairs * quads; i += WORKGROUP) {
          let pair = i / quads;
          let q = i % quads;
          let turn = rotation[pair];
          if (turn.y == 0.0) { continue; }
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
}

/// The pairs in order, each vector brought to length 1: that of a row drifts, since a rotation's cosine and sine are
/// rounded. Padding is zero. An eigenvalue's place is the number of those that go before it; equals keep their order.
fn writePairs(p: Problem, lane: u32) {
  let quads = (p.size + 3u) / 4u;
  let most = atomicLoad(&largest);
  let isLost = most >= INFINITE;
  for (var i = lane; i < p.size; i += WORKGROUP) {
    let found = element(place(p, i, i));
    var at = 0u;
    for (var j = 0u; j < p.size; j++) {
      let other = element(place(p, j, j));
      at += u32(other > found || (other == found && j < i));
    }
    at = select(at, i, isLost);
    let value = select(found, bitcast<f32>(most | 0x7fc00000u), isLost);
    values[p.values + at] = value;
    var squares = 0.0;
    for (var q = 0u; q < quads; q++) {
      let part = work[p.work + i * p.workStride + q];
      squares += dot(part, part);
    }
    let shrink = 1.0 / sqrt(squares);
    for (var q = 0u; q < quads; q++) {
      vectors[p.vectors + at * p.vectorsStride + q] = select(shrink * work[p.work + i * p.workStride + q], vec4f(value), isLost);
    }
  }
}
