// Where a fleet's optimiser steps, and by what: see kernels/fleet/adamOfPlaces.wgsl. A problem is a region of the
// parameters' stack, in which the models stand one after the other. One thread for QUADS quads of a model.
//
// The kernel that imports this file has Settings with weightDecay, for places that have none of their own.
//# import shared/optimiser/places.wgsl

struct Problem {
  places: u32,
  first: u32,         // quad
  quads: u32,         // of a model
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> problems: array<Problem>;
@group(0) @binding(2) var<storage, read> roster: array<vec4u>;              // (places)
@group(0) @binding(3) var<storage, read> gradient: array<vec4f>;            // (quads)
@group(0) @binding(4) var<storage, read_write> parameter: array<vec4f>;     // (quads)
@group(0) @binding(5) var<storage, read_write> earlier: array<vec4f>;       // (quads): the parameters of the step before

const WORKGROUP = 64u;
const QUADS = 1u;     // that a thread steps, by which each model's quads can be divided

struct Step {
  taken: bool,        // if not, nothing is left to do
  quad: u32,          // the first, of the stack
  count: f32,
  rate: f32,
  decay: f32,
}

/// The step of this thread's quads. Of a model that returns, they are put back.
fn stepOf(id: vec3u, groups: vec3u) -> Step {
  let p = problems[id.z];
  let line = (id.x + id.y * groups.x * WORKGROUP) * QUADS;   // folded to two dimensions past 65535 workgroups
  if (line >= p.places * p.quads) { return Step(); }
  let own = roster[line / p.quads];
  let i = p.first + line;
  if (own[MOVE] == RETURNS) {
    for (var q = i; q < i + QUADS; q++) { parameter[q] = earlier[q]; }
  }
  let decay = bitcast<f32>(own[DECAY]);
  return Step(
    own[MOVE] == STEPS, i, f32(own[COUNT]), bitcast<f32>(own[RATE]), select(settings.weightDecay, decay, decay >= 0.0));
}
