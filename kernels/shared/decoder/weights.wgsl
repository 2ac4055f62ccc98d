// The second layer's weights of a decoder, as an operand.
//
// The kernel that imports this file has the binding parameter, by quads.

/// Four quads of [W_1 | b_1], a row apart, the first at `quad`; rows from `last` on repeat.
fn weightQuads(quad: u32, stride: u32, row: u32, last: u32) -> mat4x4f {
  return mat4x4f(parameter[quad + min(row, last) * stride], parameter[quad + min(row + 1u, last) * stride],
                 parameter[quad + min(row + 2u, last) * stride], parameter[quad + min(row + 3u, last) * stride]);
}
