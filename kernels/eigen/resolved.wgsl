// How many eigenvalues float32 tells from rounding, for each matrix of a batch: those with |l| > size 2^-23 max |l|.
//
//   values (count), of a matrix (size, size): none where any is not finite. One thread per matrix.
//# import shared/finite.wgsl

struct Problem {
  count: u32,
  size: u32,
  values: u32,         // first number
  result: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> values: array<f32>;                 // (count)
@group(0) @binding(2) var<storage, read_write> result: array<u32>;           // one per problem

const WORKGROUP = 64u;
const EPSILON = 1.1920929e-7f;   // 2^-23

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= arrayLength(&problems)) { return; }
  let p = problems[id.x];
  var most = 0u;
  for (var i = 0u; i < p.count; i++) { most = max(most, magnitudeBits(values[p.values + i])); }
  let floor = f32(p.size) * EPSILON * bitcast<f32>(most);
  var count = 0u;
  for (var i = 0u; i < p.count && most < INFINITE; i++) { count += u32(abs(values[p.values + i]) > floor); }
  result[p.result] = count;
}
