// Makes each matrix of a batch symmetric by what stands above its diagonal: A[i, j] <- A[j, i] for j < i.
//
//   A (size, size), row-major in rows of whole quads.
//
// One thread a number; what is written is read by no other thread.

struct Problem {
  size: u32,
  matrix: u32,         // first number of A, numbers from row to row
  stride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> matrix: array<f32>;       // A: (size, size)

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let p = problems[id.z];
  if (id.y >= p.size || id.x >= id.y) { return; }
  matrix[p.matrix + id.y * p.stride + id.x] = matrix[p.matrix + id.x * p.stride + id.y];
}
