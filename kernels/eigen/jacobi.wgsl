// The eigenpairs of each symmetric matrix of a batch, by Jacobi: shared/eigen/jacobi.wgsl. A is destroyed.
//
// With room in workgroup memory, TRIANGLE numbers, A is turned there, else where it is.
//# import shared/eigen/jacobi.wgsl

@group(0) @binding(4) var<storage, read_write> matrix: array<f32>;       // A: (size, size)

const MOST_PAIRS = 512u;
const NEGLIGIBLE = 0f;
const TRIANGLE = 0u;   // numbers of the largest lower triangle; 0: A stays where it is

var<workgroup> triangle: array<f32, max(1u, TRIANGLE)>;   // row after row, each up to the diagonal

/// Where the element of row i and column j stands, or its mirror image.
fn place(p: Problem, i: u32, j: u32) -> u32 {
  let row = max(i, j);
  let column = min(i, j);
  if (TRIANGLE > 0u) { return row * (row + 1u) / 2u + column; }
  return p.matrix + row * p.matrixStride + column;
}

fn element(at: u32) -> f32 {
  if (TRIANGLE > 0u) { return triangle[at]; }
  return matrix[at];
}

fn put(at: u32, value: f32) {
  if (TRIANGLE > 0u) {
    triangle[at] = value;
  } else {
    matrix[at] = value;
  }
}

/// A row of cells and the row it leaves room for make one line: a division finds the i-th, where a triangle takes a root.
fn cellAt(i: u32, pairs: u32) -> vec2u {
  let even = 1u - pairs % 2u;
  let r = i / (pairs + even);
  let c = i % (pairs + even);
  return select(vec2u(pairs - even - r, pairs - 1u - c), vec2u(r, c - even), c >= r + even);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  var bits = 0u;
  for (var row = 0u; row < p.size; row++) {
    for (var column = lane; column <= row; column += WORKGROUP) {
      let value = matrix[p.matrix + row * p.matrixStride + column];
      bits = max(bits, magnitudeBits(value));
      put(place(p, row, column), value);
    }
  }
  atomicMax(&largest, bits);
  turnAll(p, lane);
  writePairs(p, lane);
}
