// The identity for each matrix of a batch, one a workgroup layer (z).

struct Problem {
  size: u32,
  result: u32,         // first quad, quads from row to row
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> result: array<vec4f>;      // (size, size), padding zero

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let quads = (p.size + 3u) / 4u;
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  if (i >= p.size * quads) { return; }
  let row = i / quads;
  let columns = 4u * (i % quads) + vec4u(0u, 1u, 2u, 3u);
  result[p.result + row * p.resultStride + i % quads] = select(vec4f(), vec4f(1.0), columns == vec4u(row));
}
