// The inner axis of a product in one piece: the workgroup of a tile goes through all of it, and stores what it has summed.

const BLOCK = 2147483648u;   // longer than any inner axis
const ONCE = true;          // said outright: compilers keep sums in memory where they see a loop around them

fn partsOf() -> u32 { return 1u; }

/// Where this workgroup's part of the inner axis begins and ends.
fn innerOf(p: Problem, tile: Tile) -> vec2u {
  return vec2u(0u, p.inner);
}

fn keep(p: Problem, tile: Tile, isMore: bool, row: u32, column: u32, value: vec4f) {
  store(p, row, column, value);
}

fn conclude(p: Problem, invocation: u32) {
  finish(p, invocation);
}
