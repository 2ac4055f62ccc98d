// The inner axis of a product cut into parts: a workgroup goes through one, and what it has summed is kept for
// kernels/inner/addParts.wgsl. Every BLOCK numbers of a part are summed by themselves and added to what is kept, so that
// no sum in float32 is longer than BLOCK terms, than the blocks of a part or than the parts.
//# import shared/product/parts.wgsl

const ONCE = false;

fn partsOf() -> u32 { return cut.parts; }

/// Where this workgroup's part of the inner axis begins and ends.
fn innerOf(p: Problem, tile: Tile) -> vec2u {
  let length = partLength(p);
  return min(vec2u(tile.part, tile.part + 1u) * length, vec2u(p.inner));
}

/// One thread keeps all blocks of a quad, in their order: `isMore` after the first.
fn keep(p: Problem, tile: Tile, isMore: bool, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let at = partAt(tile.problem, tile.part) + row * ((p.columns + 3u) / 4u) + column / 4u;
  partial[at] = select(value, partial[at] + value, isMore);
}

fn conclude(p: Problem, invocation: u32) {}
