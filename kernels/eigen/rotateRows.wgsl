// The rotations of sweeps of the QL algorithm on the rows of each matrix of a batch, in place: from the last row of a
// sweep to its first, rows i and i + 1 become (c x_i - s x_{i+1}, s x_i + c x_{i+1}).
//
// One thread for four columns. The four sweeps of a group go down together, each lagging one row below the previous (Van
// Zee, van de Geijn and Quintana-Orti 2014, "fused" rotations): a row is read and written once for four rotations. How the
// rotations stand is told in tridiagonalQl.wgsl.

struct Problem {
  size: u32,
  columns: u32,
  vectors: u32,        // first quad, quads from row to row
  vectorsStride: u32,
  rotations: u32,      // first quad; (size + 2) steps of two quads a group
  ranges: u32,         // first
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> rotations: array<vec4f>;            // (GROUPS, size + 2, 2): cosine, sine, twice
@group(0) @binding(2) var<storage, read> ranges: array<vec2u>;               // (GROUPS): low, high
@group(0) @binding(3) var<storage, read_write> vectors: array<vec4f>;        // (size, columns)

const WORKGROUP = 64u;
const GROUPS = 8u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let p = problems[id.z];
  if (id.x >= (p.columns + 3u) / 4u) { return; }
  let column = p.vectors + id.x;
  for (var group = 0u; group < GROUPS; group++) {
    let low = ranges[p.ranges + group].x;
    let high = ranges[p.ranges + group].y;
    if (low >= high) { break; }
    // The row that each sweep carries down; what the later three carry at first lies beyond the range, and stays there.
    var a = vectors[column + high * p.vectorsStride];
    var b = vec4f();
    var c = vec4f();
    var d = vec4f();
    var at = p.rotations + 2u * (group * (p.size + 2u) + high + 3u);
    for (var step = high + 3u; step > low; step--) {   // the first sweep is at row step - 4
      at -= 2u;
      let early = rotations[at];
      let late = rotations[at + 1u];
      let x = vectors[column + (max(step, 4u) - 4u) * p.vectorsStride];
      let afterA = early.y * x + early.x * a;
      a = early.x * x - early.y * a;
      let afterB = early.w * afterA + early.z * b;
      b = early.z * afterA - early.w * b;
      let afterC = late.y * afterB + late.x * c;
      c = late.x * afterB - late.y * c;
      let afterD = late.w * afterC + late.z * d;
      d = late.z * afterC - late.w * d;
      if (step <= high) { vectors[column + step * p.vectorsStride] = afterD; }
    }
    vectors[column + low * p.vectorsStride] = d;
  }
}
