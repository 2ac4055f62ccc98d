// What a thread brings of both operands, for the schedules that put tiles of them into workgroup memory. They say how many
// quads a tile has along its side, QUADS, and along the inner axis, STEPS, how many threads bring it, HALF = QUADS STEPS, and
// how many of those that follow each other bring quads side by side, WIDE. All are powers of two.

/// Which of the quads along the side a thread brings.
fn broughtQuad(lane: u32) -> u32 {
  return lane % WIDE + lane % HALF / (WIDE * STEPS) * WIDE;
}

/// The first of the four numbers of the inner axis that it brings of that quad.
fn broughtStep(lane: u32) -> u32 {
  return lane / WIDE % STEPS * 4u;
}

/// Four quads of the left operand for the first half of the threads, of the right for the others: as the kernel loads
/// them, since a thread waits where it first computes with them.
fn broughtQuads(p: Problem, isLeft: bool, line: u32, inner: u32, to: u32) -> mat4x4f {
  if (inner >= to) { return mat4x4f(); }
  if (isLeft) { return leftQuads(p, line, inner); }
  return rightQuads(p, line, inner);
}

/// [inner][row or column] of a block from its quads, which may lie along the inner axis; zero from `count` on.
fn blockOf(quads: mat4x4f, isLeft: bool, count: u32) -> mat4x4f {
  var block = quads;
  if (select(RIGHT_TRANSPOSED, !LEFT_TRANSPOSED, isLeft)) { block = transpose(quads); }
  if (count < 4u) {
    //# unroll
    for (var u = 0u; u < 4u; u++) {
      if (u >= count) { block[u] = vec4f(); }
    }
  }
  return block;
}
