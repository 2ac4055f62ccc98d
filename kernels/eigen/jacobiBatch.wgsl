// All eigenpairs of each of many small symmetric matrices, by Jacobi: shared/eigen/jacobi.wgsl. The lower triangle of A,
// size <= MOST_SIZE, is turned in workgroup memory. Everything is linear in A, so that no magnitude of it matters.
//# import shared/eigen/jacobi.wgsl

@group(0) @binding(4) var<storage, read> matrix: array<f32>;             // A: (size, size)

const MOST_SIZE = 64u;
const MOST_PAIRS = (MOST_SIZE + 1u) / 2u;
const NEGLIGIBLE = 1.5e-8f;   // 2^-26

var<workgroup> triangle: array<f32, MOST_SIZE * (MOST_SIZE + 1u) / 2u>;   // row after row, each up to the diagonal
var<workgroup> cellOf: array<vec2u, MOST_PAIRS * (MOST_PAIRS + 1u) / 2u>;

/// Where the element of row i and column j stands, or its mirror image.
fn place(p: Problem, i: u32, j: u32) -> u32 {
  let row = max(i, j);
  return row * (row + 1u) / 2u + min(i, j);
}

fn element(at: u32) -> f32 { return triangle[at]; }

fn put(at: u32, value: f32) { triangle[at] = value; }

fn cellAt(i: u32, pairs: u32) -> vec2u { return cellOf[i]; }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  let pairs = (p.size + 1u) / 2u;
  var bits = 0u;
  for (var row = 0u; row < p.size; row++) {
    for (var column = lane; column <= row; column += WORKGROUP) {
      let value = matrix[p.matrix + row * p.matrixStride + column];
      triangle[place(p, row, column)] = value;
      bits = max(bits, magnitudeBits(value));
    }
  }
  atomicMax(&largest, bits);
  for (var q = lane; q < pairs; q += WORKGROUP) {
    for (var r = 0u; r <= q; r++) { cellOf[q * (q + 1u) / 2u + r] = vec2u(r, q); }
  }
  turnAll(p, lane);
  writePairs(p, lane);
}
