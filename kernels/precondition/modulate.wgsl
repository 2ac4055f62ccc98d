// The modulated part of the preconditioners S = I - V^T diag(1 - g(l) / l) V of a batch of kernels: the rows of V
// scaled by 1 - g(l_i) / l_i for i <= k, and by 0 from there on.
//
//   FLAT    g = l_k               SQRT    g = sqrt(scale l_i), against l_i scaled alike
//
// k ends before the first eigenvalue that is not positive or not finite; what remains of it is written to `used`.
//
//   values (rows) descending, V (rows, columns) an eigenvector a row, row-major in rows of whole quads.

//# import shared/precondition/modulation.wgsl

// One workgroup per row, so that what neighbours read is contiguous.
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.z];
  let row = group.x;
  if (row >= p.rows) { return; }
  var top = 0u;
  while (top < min(p.top, p.rows) && isPositive(values[p.values + top])) { top++; }
  if (row + lane == 0u) { used[p.used] = top; }
  let share = shareOf(p, row, top);
  for (var q = lane; q < (p.columns + 3u) / 4u; q += WORKGROUP) {
    result[p.result + row * p.resultStride + q] = share * vectors[p.vectors + row * p.vectorsStride + q];
  }
}
