// Makes each matrix of a batch symmetric by what stands above its diagonal: A[i, j] <- A[j, i] for j < i.
//
//   A (size, size), row-major in rows of whole quads.
//
// One thread per block of 4 x 4: it reads one above the diagonal, or on it, and writes one below, or the same.
//# import shared/quads.wgsl

struct Problem {
  size: u32,
  matrix: u32,         // first quad of A, quads from row to row
  stride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> matrix: array<vec4f>;     // A: (size, size)

const WORKGROUP = 8u;

@compute @workgroup_size(WORKGROUP, WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let p = problems[id.z];
  let row = 4u * id.y;
  let column = 4u * id.x;
  if (row >= p.size || column > row) { return; }
  let count = min(p.size - row, 4u);
  let above = p.matrix + column * p.stride + id.y;
  var quads = mat4x4f();
  for (var i = 0u; i < select(4u, count, row == column); i++) { quads[i] = matrix[above + i * p.stride]; }
  var mirrored = transpose(quads);   // indexed by a variable below, which not every compiler takes of a value
  let below = p.matrix + row * p.stride + id.x;
  for (var i = 0u; i < count; i++) {
    matrix[below + i * p.stride] = select(quads[i], mirrored[i], first(select(4u, i, row == column)));
  }
}
