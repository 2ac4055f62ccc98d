// A sum over a workgroup, in the same order on every run. The importer has the constant WORKGROUP, a power of two.

var<workgroup> summand: array<f32, WORKGROUP>;

/// The sum of `value` over the workgroup, the same for all of it. To be called in uniform control flow.
fn workgroupSum(lane: u32, value: f32) -> f32 {
  summand[lane] = value;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) { summand[lane] += summand[lane + half]; }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&summand[0]);   // its barriers keep the next call's writes away from this read
}
