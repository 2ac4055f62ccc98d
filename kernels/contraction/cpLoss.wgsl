// The CP contraction of a batch of models with its loss against a target, in one pass: the output Z is not stored, only
// its cotangent G = dL/dZ, and one partial sum of the loss per invocation.
//
//   F_d (n_d, rank), G (n_1 .. n_D), row-major in rows of whole quads; the target Y of G's shape in rows of any length.
//# import shared/cpOperands.wgsl
//# import shared/lossAt.wgsl
//# slot schedule register

struct Problem {
  rows: u32,           // n_1
  columns: u32,        // stored numbers of G[i_1]
  inner: u32,          // rank
  scale: f32,
  width: u32,          // stored numbers of a row of the last axis
  result: u32,         // first quad of G
  targets: u32,        // first number of Y
  targetsStride: u32,  // numbers from a row of its last axis to the next
  axes: array<Axis, MOST_AXES>,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> factor: array<vec4f>;           // F_1 .. F_D of every model
@group(0) @binding(2) var<storage, read> targets: array<u32>;               // Y of every model, the bits of f32
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;     // G of every model
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;         // a partial sum for each invocation

fn store(p: Problem, row: u32, column: u32, value: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  let at = row * p.columns + column;
  let points = p.axes[AXES - 1u].points;
  let point = at % p.width;
  let start = p.targets + at / p.width * p.targetsStride + point;
  var cotangent = vec4f();
  //# unroll
  for (var i = 0u; i < 4u; i++) {
    if (point + i < points) { cotangent[i] = cotangentAt(p.scale * value[i], targets[start + i]); }
  }
  result[p.result + at / 4u] = cotangent;
}

fn finish(p: Problem, invocation: u32) {
  writeLoss(invocation);
}
