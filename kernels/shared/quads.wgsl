// Rows of every matrix are stored as whole quads (vec4f). What stands in a row after its last column may be anything,
// so it is masked wherever it could reach a sum.

/// True for the first `count` components of a quad.
fn first(count: u32) -> vec4<bool> {
  return vec4u(0u, 1u, 2u, 3u) < vec4u(count);
}

/// Where four of a row of things stand that are `stride` apart, number `index` and those after it; after `last` it repeats.
fn fourAt(start: u32, stride: u32, index: u32, last: u32) -> vec4u {
  return start + stride * min(index + vec4u(0u, 1u, 2u, 3u), vec4u(last));
}
