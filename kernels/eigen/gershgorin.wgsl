// How far below zero the spectrum of each symmetric matrix of a batch may reach, at the most (Gershgorin's circles):
//
//   bound = max(0, max_j sum_{i != j} |a_ij| - a_jj)
//
// One workgroup per matrix, one thread for four columns, so that what neighbours read is contiguous.

struct Problem {
  size: u32,
  matrix: u32,         // first quad of A, quads from row to row
  stride: u32,
  bound: u32,          // its number
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> matrix: array<vec4f>;            // A: (size, size)
@group(0) @binding(2) var<storage, read_write> bound: array<f32>;         // one per problem

const WORKGROUP = 64u;

var<workgroup> largest: atomic<u32>;   // bits of a number that is not negative, which order as the numbers do

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  var most = 0.0;
  for (var q = lane; q < (p.size + 3u) / 4u; q += WORKGROUP) {
    let columns = 4u * q + vec4u(0u, 1u, 2u, 3u);
    var sums = vec4f();
    for (var row = 0u; row < p.size; row++) {
      let value = matrix[p.matrix + row * p.stride + q];
      sums += select(abs(value), -value, columns == vec4u(row));
    }
    for (var i = 0u; i < min(4u, p.size - 4u * q); i++) { most = max(most, sums[i]); }
  }
  atomicMax(&largest, bitcast<u32>(most));
  workgroupBarrier();
  if (lane == 0u) { bound[p.bound] = bitcast<f32>(atomicLoad(&largest)); }
}
