// Rows of every matrix are stored as whole quads (vec4f). What stands in a row after its last column may be anything,
// so it is masked wherever it could reach a sum.

/// True for the first `count` components of a quad.
fn first(count: u32) -> vec4<bool> {
  return vec4u(0u, 1u, 2u, 3u) < vec4u(count);
}
