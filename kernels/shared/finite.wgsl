// What is not a finite number, told by its bits: a device may take any comparison with a NaN for true or for false.

const INFINITE = 0x7f800000u;   // bits of infinity; those of a NaN, without its sign, are greater

/// The bits of |x|, which order as the numbers do.
fn magnitudeBits(x: f32) -> u32 {
  return bitcast<u32>(x) & 0x7fffffffu;
}

fn isNan(x: f32) -> bool {
  return magnitudeBits(x) > INFINITE;
}
