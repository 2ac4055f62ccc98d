// A device's peak of fused multiply-adds, measured: every number of the input is taken `rounds` x UNROLL times through
// x <- scale x + offset. Nothing but registers is touched between the first load and the last store.
//
//   input and result (count) quads. A thread keeps CHAINS quads under way at once, since one depends on its last.

struct Settings {
  count: u32,      // quads
  rounds: u32,
  scale: f32,
  offset: f32,
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;             // (count)
@group(0) @binding(2) var<storage, read_write> result: array<vec4f>;      // (count)

const WORKGROUP = 64u;
const CHAINS = 2u;
const UNROLL = 16u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let start = i * CHAINS;
  if (start >= settings.count) { return; }
  let scale = vec4f(settings.scale);
  let offset = vec4f(settings.offset);
  var x = array<vec4f, CHAINS>();
  //# unroll
  for (var c = 0u; c < CHAINS; c++) {
    x[c] = input[min(start + c, settings.count - 1u)];
  }
  for (var round = 0u; round < settings.rounds; round++) {
    //# unroll
    for (var u = 0u; u < UNROLL; u++) {
      //# unroll
      for (var c = 0u; c < CHAINS; c++) {
        x[c] = fma(x[c], scale, offset);
      }
    }
  }
  //# unroll
  for (var c = 0u; c < CHAINS; c++) {
    if (start + c < settings.count) { result[start + c] = x[c]; }
  }
}
