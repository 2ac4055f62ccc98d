// Tensors (.., count, ..) whose axes after that of `count` have `span` stored numbers, as an axis of a product that counts
// all but it.

/// The quad of number `index` of that axis, at the first of `count`; the others follow, span / 4 quads apart.
fn quadInSpan(index: u32, span: u32, count: u32) -> u32 {
  return (index / span * count * span + index % span) / 4u;
}
