// What the Jacobi kernels share: what they work on, who meets whom in a round, the rotation of a pair, and how pairs are
// written. The importer has the matrices and the constant MOST_PAIRS.
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
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;       // (size)
@group(0) @binding(2) var<storage, read_write> vectors: array<vec4f>;    // (size, size)
@group(0) @binding(3) var<storage, read_write> work: array<vec4f>;       // (size, size)

const WORKGROUP = 64u;
const MOST_SWEEPS = 15u;
const TOLERANCE = 5e-8f;

var<workgroup> pairOf: array<vec2u, MOST_PAIRS>;     // the two indices of each pair, the smaller first
var<workgroup> rotation: array<vec2f, MOST_PAIRS>;   // their cosine and sine
var<workgroup> largest: atomic<u32>;                 // bits of the largest |a_ij|, which order as the numbers do
var<workgroup> lastTurn: atomic<u32>;                // number of the last round that turned anything
var<workgroup> again: u32;

/// Where the element of row i and column j, or its mirror image, stands in a lower triangle, row after row.
fn placeOf(i: u32, j: u32) -> u32 {
  let row = max(i, j);
  return row * (row + 1u) / 2u + min(i, j);
}

/// The players of a pair in a round of a round-robin tournament of `players` (even).
fn playersOf(pair: u32, round: u32, players: u32) -> vec2u {
  let circle = players - 1u;
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

/// Pair i as the one that stands at `place`, its vector brought to length 1: that of a row drifts, since a rotation's
/// cosine and sine are rounded. Padding is zero. Of a matrix whose `largest` number has the bits of none, NaN.
fn writePair(p: Problem, i: u32, place: u32, found: f32, largest: u32) {
  let quads = (p.size + 3u) / 4u;
  let isLost = largest >= INFINITE;
  let at = select(place, i, isLost);
  let value = select(found, bitcast<f32>(largest | 0x7fc00000u), isLost);
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
