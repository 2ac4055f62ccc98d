// A pointwise loss and its cotangent where a model's output is stored. A NaN in the target marks a point that is left
// out; it is told by its bits, since a device may take x != x for false.
//
// The kernel that imports this file has the binding loss, and its finish calls writeLoss.
//# slot loss squaredError

var<private> lossSum: f32;

/// G = dL/dZ at one point; its loss is added to the invocation's.
fn cotangentAt(z: f32, targetBits: u32) -> f32 {
  if ((targetBits & 0x7fffffffu) > 0x7f800000u) { return 0.0; }
  let pair = lossAt(z, bitcast<f32>(targetBits));
  lossSum += pair.x;
  return pair.y;
}

fn writeLoss(invocation: u32) {
  loss[invocation] = lossSum;
}
