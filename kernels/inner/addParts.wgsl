// The second pass of a product whose inner axis was cut: in the place of a schedule, it adds up the parts of each result,
// in their order, and stores it. One thread per quad of the results.
//# import shared/product/parts.wgsl

const WORKGROUP = 64u;
const UPPER = false;   // of a symmetric result: what lies below the diagonal has not been made

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let p = problems[id.z];
  let i = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  let quads = (p.columns + 3u) / 4u;
  let row = i / quads;
  let column = i % quads * 4u;
  if (row < p.rows && !(UPPER && row > column + 3u)) {
    let length = partLength(p);
    var sum = vec4f();
    for (var part = 0u; part * length < p.inner; part++) {   // a short inner axis may have fewer than were made room for
      sum += partial[partAt(id.z, part) + i];
    }
    store(p, row, column, sum);
  }
  finish(p, (id.z * groups.y * groups.x * WORKGROUP) + i);
}
