// The points of tensors in groups, for a batch of tensors, one a workgroup layer (z): T (n_1 .. n_D) is cut into blocks of
// b_1 x .. x b_D points, and block j's points, row-major, are column j of G (b_1 .. b_D, blocks), its blocks row-major too.
//
//   BACK   T from G          otherwise   G from T
//
// Blocks at an axis's end may reach past it: there G is 0, and going back it is not looked at. One thread per number of G.

struct Axis {
  points: u32,   // n_d
  block: u32,    // b_d
}

const MOST_AXES = 6u;

struct Problem {
  slots: u32,          // points of a block
  blocks: u32,
  tensor: u32,         // first number of T, numbers from row to row; the same for G
  tensorStride: u32,
  grouped: u32,
  groupedStride: u32,
  axes: array<Axis, MOST_AXES>,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> input: array<f32>;               // T, or G
@group(0) @binding(2) var<storage, read_write> result: array<f32>;        // G, or T

const WORKGROUP = 64u;
const AXES = 2u;
const BACK = false;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= p.slots * p.blocks) { return; }
  var slot = i / p.blocks;
  var which = i % p.blocks;
  let grouped = p.grouped + slot * p.groupedStride + which;
  var tensor = p.tensor;
  var stride = 1u;
  var inside = true;
  for (var d = AXES; d > 0u; d--) {
    let axis = p.axes[d - 1u];
    let across = (axis.points + axis.block - 1u) / axis.block;
    let at = which % across * axis.block + slot % axis.block;
    which /= across;
    slot /= axis.block;
    inside = inside && at < axis.points;
    tensor += at * stride;
    stride = select(stride * axis.points, p.tensorStride, d == AXES);
  }
  if (BACK) {
    if (inside) { result[tensor] = input[grouped]; }
  } else {
    var number = 0.0;
    if (inside) { number = input[tensor]; }
    result[grouped] = number;
  }
}
