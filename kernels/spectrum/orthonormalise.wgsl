// An orthonormal basis of the rows of each matrix of a batch, in place: classical Gram-Schmidt, each row projected
// until it no longer shrinks ("twice is enough", Giraud, Langou and Rozloznik 2005).
//
//   Q (rows, columns), rows <= columns, row-major in rows of whole quads.
//
// A row that lies in the span of those before it comes out as what rounding left of it, cleaned. One that vanishes, or of
// which even that lies in their span (as where columns repeat each other), is replaced by a fixed vector of signs. One workgroup a matrix: the rows follow each other, columns and coefficients
// are shared out.
//# import shared/workgroupSum.wgsl
//# import shared/quads.wgsl

struct Problem {
  rows: u32,
  columns: u32,
  matrix: u32,         // first quad of Q, quads from row to row
  stride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> matrix: array<vec4f>;     // Q: (rows, columns)

const WORKGROUP = 64u;
const MOST_ROWS = 1024u;
const MOST_TURNS = 6u;
const LEFT_OVER = 1e-3f;   // a row that was projected before and shrinks to this share lies in the span
const SHORTEST = 1e-12f;
const LONGEST = 1e12f;

var<workgroup> coefficient: array<f32, MOST_ROWS>;

/// +-1, fixed for each index and row (a multiplicative hash).
fn sign(index: u32, row: u32) -> f32 {
  var bits = ((index + 1u) * 0x9e3779b9u) ^ ((row + 1u) * 0x85ebca6bu);
  bits = (bits ^ (bits >> 15u)) * 0x2c1b3c6du;
  return select(-1.0, 1.0, (bits >> 31u) == 1u);
}

/// The length of a row, the same for the whole workgroup.
fn lengthOf(start: u32, quads: u32, lane: u32) -> f32 {
  var squares = 0.0;
  for (var q = lane; q < quads; q += WORKGROUP) {
    squares += dot(matrix[start + q], matrix[start + q]);
  }
  return sqrt(workgroupSum(lane, squares));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  let quads = (p.columns + 3u) / 4u;
  // A thread keeps to its own quads of a row but where it takes a product with a whole row. Padding counts as zero.
  for (var i = lane; i < p.rows; i += WORKGROUP) {
    let last = p.matrix + i * p.stride + quads - 1u;
    matrix[last] = select(vec4f(), matrix[last], first(p.columns - 4u * (quads - 1u)));
  }
  storageBarrier();
  workgroupBarrier();
  for (var row = 0u; row < p.rows; row++) {
    let start = p.matrix + row * p.stride;
    var length = lengthOf(start, quads, lane);
    for (var i = 0u; i < 3u && !(length > SHORTEST && length < LONGEST); i++) {   // else its square may not be a number
      for (var q = lane; q < quads; q += WORKGROUP) {
        matrix[start + q] *= select(1.0 / SHORTEST, 1.0 / LONGEST, length >= LONGEST);
      }
      storageBarrier();
      workgroupBarrier();
      length = lengthOf(start, quads, lane);
    }
    var replaced = false;
    for (var turn = 0u; turn < MOST_TURNS; turn++) {
      for (var i = lane; i < row; i += WORKGROUP) {
        var dots = vec4f();
        for (var q = 0u; q < quads; q++) {
          dots = fma(matrix[p.matrix + i * p.stride + q], matrix[start + q], dots);
        }
        coefficient[i] = dots.x + dots.y + dots.z + dots.w;
      }
      workgroupBarrier();
      for (var q = lane; q < quads; q += WORKGROUP) {
        var value = matrix[start + q];
        for (var i = 0u; i < row; i++) {
          value = fma(vec4f(-coefficient[i]), matrix[p.matrix + i * p.stride + q], value);
        }
        matrix[start + q] = value;
      }
      let before = length;
      length = lengthOf(start, quads, lane);
      let inSpan = turn > 0u && !replaced && length < LEFT_OVER * before;
      let vanished = inSpan || !(length > 1e-30);
      for (var q = lane; q < quads; q += WORKGROUP) {
        let fresh = vec4f(sign(4u * q, row), sign(4u * q + 1u, row), sign(4u * q + 2u, row), sign(4u * q + 3u, row));
        let kept = select(vec4f(), fresh, first(p.columns - 4u * q));
        matrix[start + q] = select(matrix[start + q] / length, kept, vanished);
      }
      storageBarrier();
      workgroupBarrier();
      if (length > 0.7 * before) { break; }
      replaced = replaced || vanished;
      length = select(1.0, sqrt(f32(p.columns)), vanished);
    }
  }
}
