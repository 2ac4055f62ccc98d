// The matricised tensor times Khatri-Rao product (Bader and Kolda 2007, section 5.2) of a batch of problems, one axis
// each: M_d = scale * unfold_d(P) (F_D kr .. kr F_1, without F_d), the cotangent at the factor matrix F_d of a CP model
// when P is the cotangent at its output.
//
//   P (n_1 .. n_D), F_d (n_d, rank), M_d (n_d, rank), all row-major in rows of whole quads.
//
// As a product: rows are i_d, columns the rank, the inner axis the other indices. Where d is not the last axis, they
// are the stored numbers of the other axes, so that a quad lies along the last axis; where it is (LAST), they are
// i_1 .. i_{D-1} and a quad of P lies along the rows.
//# import shared/factors.wgsl
//# import shared/product/padding.wgsl
//# slot schedule register

struct Problem {
  rows: u32,           // n_d
  columns: u32,        // rank
  inner: u32,
  scale: f32,
  axis: u32,           // d, from 0
  width: u32,          // stored numbers of a row of the last axis
  span: u32,           // stored numbers of P after one index of axis d
  tensor: u32,         // first quad of P
  result: u32,         // first quad of M_d, quads from row to row
  resultStride: u32,
  axes: array<Axis, MOST_AXES>,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> tensor: array<vec4f>;           // P of every model
@group(0) @binding(2) var<storage, read> factor: array<vec4f>;           // F_1 .. F_D of every model
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // M_d of every problem

const LAST = false;
const LEFT_TRANSPOSED = LAST;
const RIGHT_TRANSPOSED = false;

/// prod_{d < LAST axis} F_d[i_d, column ..], the i_d being the digits of `index`, last digit fastest; p.axis has none.
fn productQuad(p: Problem, index: u32, column: u32) -> vec4f {
  var product = vec4f(1.0);
  var rest = index;
  //# unroll
  for (var d = 2u; d <= AXES; d++) {
    if (LAST || AXES - d != p.axis) {
      let axis = p.axes[AXES - d];
      // Of the first axis the index is all that is left.
      product *= factorQuad(axis, select(rest % axis.points, rest, d == AXES), column);
      rest /= axis.points;
    }
  }
  return product;
}

/// [r][u], or where LAST [u][r], = unfold_d(P)[row + r, inner + u]
fn leftQuads(p: Problem, row: u32, inner: u32) -> mat4x4f {
  let before = select(inner / p.span, 0u, AXES == 2u);   // of the axes before d
  var at = fourAt(p.tensor + (before * (p.rows - 1u) * p.span + inner) / 4u, p.span / 4u, row, p.rows - 1u);
  if (LAST) { at = fourAt(p.tensor + min(row, p.rows - 1u) / 4u, p.width / 4u, inner, p.inner - 1u); }
  return mat4x4f(tensor[at.x], tensor[at.y], tensor[at.z], tensor[at.w]);
}

/// [u][c] = the Khatri-Rao product's [inner + u, column + c].
fn rightQuads(p: Problem, column: u32, inner: u32) -> mat4x4f {
  let start = min(column, p.columns - 1u);
  if (LAST) {
    let at = fourAt(0u, 1u, inner, p.inner - 1u);
    return mat4x4f(productQuad(p, at.x, start), productQuad(p, at.y, start),
                   productQuad(p, at.z, start), productQuad(p, at.w, start));
  }
  if (AXES == 2u) { return factorQuads(p.axes[1], inner, start); }
  let quads = factorQuads(p.axes[AXES - 1u], inner % p.width, start);
  let quad = productQuad(p, inner / p.width, start);
  return mat4x4f(quads[0] * quad, quads[1] * quad, quads[2] * quad, quads[3] * quad);
}

fn counted(p: Problem, inner: u32) -> u32 {
  if (LAST) { return p.inner - inner; }
  return beforePadding(inner, p.axes[AXES - 1u].points, p.width);
}

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  result[p.result + row * p.resultStride + column / 4u] = p.scale * value;
}

fn finish(p: Problem, invocation: u32) {}
