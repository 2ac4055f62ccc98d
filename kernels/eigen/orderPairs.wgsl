// Eigenpairs of a batch put in order, the values descending and multiplied by `scale`, the vectors brought to length 1.
//
//   values (rows), vectors (rows, columns), an eigenvector a row. Where the scale is NaN, so is all of the result.
//
// One workgroup per row; a row's place is the number of values that go before it, and equals keep their order.
//# import shared/workgroupSum.wgsl
//# import shared/quads.wgsl
//# import shared/finite.wgsl

struct Problem {
  rows: u32,
  columns: u32,
  values: u32,         // first number
  vectors: u32,        // first quad, quads from row to row; the same for the result
  vectorsStride: u32,
  orderedValues: u32,
  orderedVectors: u32,
  orderedStride: u32,
  scale: u32,          // its number
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> values: array<f32>;                 // (rows)
@group(0) @binding(2) var<storage, read> vectors: array<vec4f>;              // (rows, columns)
@group(0) @binding(3) var<storage, read> scale: array<f32>;                  // one per problem
@group(0) @binding(4) var<storage, read_write> orderedValues: array<f32>;
@group(0) @binding(5) var<storage, read_write> orderedVectors: array<vec4f>;

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.z];
  let row = group.x;
  if (row >= p.rows) { return; }
  let quads = (p.columns + 3u) / 4u;
  let source = p.vectors + row * p.vectorsStride;
  let value = values[p.values + row];
  let factor = scale[p.scale];
  var squares = 0.0;
  for (var q = lane; q < quads; q += WORKGROUP) {
    let part = select(vec4f(), vectors[source + q], first(p.columns - 4u * q));
    squares += dot(part, part);
  }
  var before = 0.0;
  for (var j = lane; j < p.rows; j += WORKGROUP) {
    let other = values[p.values + j];
    before += f32(other > value || (other == value && j < row));
  }
  let shrink = 1.0 / sqrt(workgroupSum(lane, squares));
  var place = u32(workgroupSum(lane, before));
  let isLost = isNan(factor);
  if (isLost) { place = row; }
  let into = p.orderedVectors + place * p.orderedStride;
  for (var q = lane; q < quads; q += WORKGROUP) {
    orderedVectors[into + q] = select(shrink * vectors[source + q], vec4f(factor), isLost);
  }
  if (lane == 0u) { orderedValues[p.orderedValues + place] = select(factor * value, factor, isLost); }
}
