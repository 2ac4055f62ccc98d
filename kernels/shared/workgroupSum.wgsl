// Sums over a workgroup, in the same order on every run. The importer has the constant WORKGROUP, a power of two.

const LEFT_TO_ONE = 8u;   // partial sums that one thread adds up, which is less than so many threads' barriers

var<workgroup> summands: array<vec4f, WORKGROUP>;

/// The sums of `values` over the workgroup, the same for all of it. To be called in uniform control flow.
fn workgroupSums(lane: u32, values: vec4f) -> vec4f {
  summands[lane] = values;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half >= LEFT_TO_ONE; half /= 2u) {
    if (lane < half) { summands[lane] += summands[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) {
    for (var i = 1u; i < min(WORKGROUP, LEFT_TO_ONE); i++) { summands[0] += summands[i]; }
  }
  return workgroupUniformLoad(&summands[0]);   // its barriers keep the next call's writes away from this read
}

fn workgroupSum(lane: u32, value: f32) -> f32 {
  return workgroupSums(lane, vec4f(value, 0.0, 0.0, 0.0)).x;
}
