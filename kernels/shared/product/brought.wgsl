// What a thread brings of both operands, for the schedules that put tiles of them into workgroup memory.

/// Four quads of the left operand for the first half of the threads, of the right for the others: as the kernel loads
/// them, since a thread waits where it first computes with them.
fn broughtQuads(p: Problem, isLeft: bool, line: u32, inner: u32, to: u32) -> mat4x4f {
  if (inner >= to) { return mat4x4f(); }
  if (isLeft) { return leftQuads(p, line, inner); }
  return rightQuads(p, line, inner);
}

/// [inner][row or column] of a block from its quads, which may lie along the inner axis; zero from `count` on.
fn blockOf(quads: mat4x4f, isAlong: bool, count: u32) -> mat4x4f {
  var block = quads;
  if (isAlong) { block = transpose(quads); }
  if (count < 4u) {
    //# unroll
    for (var u = 0u; u < 4u; u++) {
      if (u >= count) { block[u] = vec4f(); }
    }
  }
  return block;
}
