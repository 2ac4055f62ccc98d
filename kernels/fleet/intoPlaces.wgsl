// What a fleet keeps, brought up to date in the places that are chosen and left as it is in all others: of whatever bits,
// as many numbers a place, one place after the other. One thread per number.

struct Settings {
  count: u32,      // numbers
  each: u32,       // of a place
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> chosen: array<u32>;              // (places): not 0 where it is
@group(0) @binding(2) var<storage, read> renewed: array<u32>;               // (count)
@group(0) @binding(3) var<storage, read_write> held: array<u32>;          // (count)

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= settings.count) { return; }
  if (chosen[i / settings.each] != 0u) { held[i] = renewed[i]; }
}
