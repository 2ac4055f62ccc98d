// What every step of a fleet does beside the gradients, for each model by itself (kernels/optimiser/record.wgsl): one
// that has steps left keeps its loss and is handed its learning rate, and counts. One whose loss is not finite keeps
// that loss, returns to its parameters from before the last step, and has no steps left. One thread a place.
//
//   history[count mod capacity] <- loss,  RATE <- schedule[count mod capacity],  COUNT <- count + 1
//# import shared/optimiser/places.wgsl
//# import shared/finite.wgsl

struct Settings {
  places: u32,
  capacity: u32,   // losses and learning rates kept a place
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> loss: array<f32>;                // (places)
@group(0) @binding(2) var<storage, read> schedule: array<u32>;            // (places, capacity), the bits of f32
@group(0) @binding(3) var<storage, read_write> limit: array<u32>;          // (places): steps that the model makes in all
@group(0) @binding(4) var<storage, read_write> history: array<f32>;       // (places, capacity)
@group(0) @binding(5) var<storage, read_write> roster: array<vec4u>;      // (places)

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let place = id.x;
  if (place >= settings.places) { return; }
  let count = roster[place][COUNT];
  if (count >= limit[place]) {
    roster[place][MOVE] = RESTS;
    return;
  }
  let at = place * settings.capacity + count % settings.capacity;
  history[at] = loss[place];
  if (magnitudeBits(loss[place]) >= INFINITE) {
    limit[place] = count;
    roster[place][MOVE] = RETURNS;
    return;
  }
  roster[place][COUNT] = count + 1u;
  roster[place][MOVE] = STEPS;
  roster[place][RATE] = schedule[at];
}
