// The modulated eigenvectors of a fleet's preconditioners (kernels/precondition/modulate.wgsl), of which each kernel has a k
// of its own, up to the problem's.
//# import shared/precondition/modulation.wgsl

@group(0) @binding(5) var<storage, read> tops: array<u32>;               // k: one per problem

// One workgroup per row, so that what neighbours read is contiguous.
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.z];
  let row = group.x;
  if (row >= p.rows) { return; }
  var top = 0u;
  while (top < min(min(p.top, tops[group.z]), p.rows) && isPositive(values[p.values + top])) { top++; }
  if (row + lane == 0u) { used[p.used] = top; }
  let share = shareOf(p, row, top);
  for (var q = lane; q < (p.columns + 3u) / 4u; q += WORKGROUP) {
    result[p.result + row * p.resultStride + q] = share * vectors[p.vectors + row * p.vectorsStride + q];
  }
}
