// The cotangent at the last hidden layer of a batch of factor networks when the cotangent at their output is all ones,
// as the pseudo-NTK by sum-of-logits wants it: D = (1^T W) * a', the same row 1^T W for every point.
//
//   W (inner, columns + 1) are the output layer's weights (the bias, its last column, is not used).
//
// A workgroup has ACROSS quads of columns, and the points of a band. Of each quad WORKGROUP / ACROSS threads add up every
// so manieth row of W, then each other's sums in their order, and walk down the points in turn. All bands add up the same.

struct Problem {
  rows: u32,           // points
  columns: u32,        // width of the last hidden layer
  inner: u32,          // width of the output
  weight: u32,         // first quad of W, quads from row to row; the same for a' and D
  weightStride: u32,
  derivative: u32,
  derivativeStride: u32,
  result: u32,
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> parameter: array<vec4f>;        // (inner, columns + 1) among all parameters
@group(0) @binding(2) var<storage, read> derivative: array<vec4f>;       // (rows, columns)
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // (rows, columns)

const WORKGROUP = 64u;
const ACROSS = 64u;
const BAND = 2147483648u;   // points of a band
const DOWN = WORKGROUP / ACROSS;

var<workgroup> shares: array<vec4f, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.z];
  let quad = group.x * ACROSS + lane % ACROSS;
  let band = group.y * BAND;
  if (band >= p.rows) { return; }
  let isThere = 4u * quad < p.columns;
  let inner = select(0u, p.inner, isThere);
  var sum = vec4f();
  for (var i = lane / ACROSS; i < inner; i += DOWN) {
    sum += parameter[p.weight + i * p.weightStride + quad];
  }
  if (DOWN > 1u) {
    shares[lane] = sum;
    workgroupBarrier();
    sum = vec4f();
    for (var i = lane % ACROSS; i < WORKGROUP; i += ACROSS) { sum += shares[i]; }
  }
  let end = select(0u, band + min(BAND, p.rows - band), isThere);
  for (var i = band + lane / ACROSS; i < end; i += DOWN) {
    result[p.result + i * p.resultStride + quad] = sum * derivative[p.derivative + i * p.derivativeStride + quad];
  }
}
