// The residuals of equations between fields at the points of a grid, their loss and the cotangents at the fields:
//
//   r_e = R_e(u_1, u_2 .., g_1, g_2 ..),  L = scale sum_points sum_e weight_e r_e^2 / 2,  dL/du_i = scale sum_e weight_e r_e dR_e/du_i.
//
// Fields u, tables g, residuals and cotangents are stacks of parts of one shape, in rows of whole quads; the weights are
// in the text of the slot. One partial sum of the loss an invocation, one thread per quad.
//# import shared/quads.wgsl
//# import shared/equations/elementary.wgsl

struct Settings {
  quads: u32,          // of a part
  rowQuads: u32,
  columns: u32,        // numbers of a row
  scale: f32,
}

const FIELDS = 1u;
const TABLES = 1u;       // 1 where there are none, and then not read
const RESIDUALS = 1u;

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> field: array<vec4f>;               // u_1, u_2 ..
@group(0) @binding(2) var<storage, read> table: array<vec4f>;               // g_1, g_2 ..
@group(0) @binding(3) var<storage, read_write> residual: array<vec4f>;      // r_1, r_2 ..
@group(0) @binding(4) var<storage, read_write> cotangent: array<vec4f>;     // dL/du_1, dL/du_2 ..
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;            // a partial sum for each invocation

const WORKGROUP = 64u;
//# slot residual condition

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = id.x + id.y * groups.x * WORKGROUP;   // folded to two dimensions past 65535 workgroups
  var sum = 0.0;
  if (at < settings.quads) {
    var u = array<vec4f, FIELDS>();
    //# unroll
    for (var i = 0u; i < FIELDS; i++) {
      u[i] = field[i * settings.quads + at];
    }
    var g = array<vec4f, TABLES>();
    //# unroll
    for (var i = 0u; i < TABLES; i++) {
      g[i] = table[i * settings.quads + at];
    }
    let found = residualsAt(u, g);
    let density = select(vec4f(), found[0], first(settings.columns - 4u * (at % settings.rowQuads)));
    sum = settings.scale * (density.x + density.y + density.z + density.w);
    //# unroll
    for (var e = 0u; e < RESIDUALS; e++) {
      residual[e * settings.quads + at] = found[1u + e];
    }
    //# unroll
    for (var i = 0u; i < FIELDS; i++) {
      cotangent[i * settings.quads + at] = settings.scale * found[1u + RESIDUALS + i];
    }
  }
  loss[at] = sum;
}
