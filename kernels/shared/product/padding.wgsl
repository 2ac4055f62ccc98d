// An inner axis that is the stored numbers of rows, of which those in the padding are not summed.

/// How many of the four numbers from `at` on stand before a row's padding, or more: rows have `points` numbers, `width` stored.
fn beforePadding(at: u32, points: u32, width: u32) -> u32 {
  if (points == width) { return 4u; }   // no division
  return points - at % width;
}
