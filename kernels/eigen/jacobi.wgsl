// The eigenpairs of each symmetric matrix of a batch, eigenvalues descending: parallel two-sided Jacobi (Brent and Luk
// 1985), the rotations of one round being those of a round-robin tournament.
//
//   A (size, size), destroyed; values (size); vectors (size, size), an eigenvector a row; work (size, size).
//
// One workgroup per matrix. A round's pairs are disjoint, so a 2 x 2 cell of A that two pairs cut out is turned from both
// sides by one thread, which writes its mirror image too. An element is left alone where it is below TOLERANCE times
// sqrt |a_ii a_jj|; the rounds end when a whole sweep found none above it. A matrix that holds a NaN or an infinity has
// NaN for all its pairs.
//
// With room in workgroup memory, TRIANGLE numbers, A is turned there, of which it takes the lower triangle alone.
//# import shared/eigen/jacobi.wgsl

@group(0) @binding(4) var<storage, read_write> matrix: array<f32>;       // A: (size, size)

const MOST_PAIRS = 512u;
const TRIANGLE = 0u;   // numbers of the largest lower triangle; 0: A stays where it is

var<workgroup> triangle: array<f32, max(1u, TRIANGLE)>;   // row after row, each up to the diagonal

fn element(p: Problem, i: u32, j: u32) -> f32 {
  if (TRIANGLE > 0u) { return triangle[placeOf(i, j)]; }
  return matrix[p.matrix + i * p.matrixStride + j];
}

/// Writes it, and its mirror image.
fn put(p: Problem, i: u32, j: u32, value: f32) {
  if (TRIANGLE > 0u) {
    triangle[placeOf(i, j)] = value;
  } else {
    matrix[p.matrix + i * p.matrixStride + j] = value;
    matrix[p.matrix + j * p.matrixStride + i] = value;
  }
}

/// Turns the cell of rows pairOf[first] and columns pairOf[second], first <= second, and its mirror image.
fn turnCell(p: Problem, first: u32, second: u32) {
  let left = rotation[first];
  let right = rotation[second];
  if (left.y == 0.0 && right.y == 0.0) { return; }
  let ab = pairOf[first];
  let cd = pairOf[second];
  if (first == second) {   // what is turned away is zero, not what rounding leaves of it
    let shift = left.y / left.x * element(p, ab.x, ab.y);
    put(p, ab.x, ab.x, element(p, ab.x, ab.x) - shift);
    put(p, ab.y, ab.y, element(p, ab.y, ab.y) + shift);
    put(p, ab.x, ab.y, 0.0);
    return;
  }
  let hasB = ab.y < p.size;
  let hasD = cd.y < p.size;
  var upper = vec2f(element(p, ab.x, cd.x), 0.0);
  var lower = vec2f();
  if (hasD) { upper.y = element(p, ab.x, cd.y); }
  if (hasB) { lower.x = element(p, ab.y, cd.x); }
  if (hasB && hasD) { lower.y = element(p, ab.y, cd.y); }
  let high = left.x * upper - left.y * lower;
  let low = left.y * upper + left.x * lower;
  put(p, ab.x, cd.x, right.x * high.x - right.y * high.y);
  if (hasD) { put(p, ab.x, cd.y, right.y * high.x + right.x * high.y); }
  if (hasB) { put(p, ab.y, cd.x, right.x * low.x - right.y * low.y); }
  if (hasB && hasD) { put(p, ab.y, cd.y, right.y * low.x + right.x * low.y); }
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
      let value = matrix[p.matrix + row * p.matrixStride + column];
      bits = max(bits, magnitudeBits(value));
      if (TRIANGLE > 0u && column <= row) { triangle[placeOf(row, column)] = value; }
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
          let x = element(p, ab.x, ab.x);
          let y = element(p, ab.x, ab.y);
          let z = element(p, ab.y, ab.y);
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
            turnCell(p, r, c - 1u);
          } else if (2u * r + 1u != pairs) {
            turnCell(p, pairs - 1u - r, pairs - 1u - c);
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
    let value = element(p, i, i);
    var place = 0u;
    for (var j = 0u; j < p.size; j++) {
      let other = element(p, j, j);
      place += u32(other > value || (other == value && j < i));
    }
    writePair(p, i, place, value, most);
  }
}
