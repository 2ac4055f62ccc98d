// One hidden layer of a batch of factor networks: Z = H W^T, H' = a(omega Z), and the derivative a' for the way back.
//
//   H (rows, inner) and H' (rows, columns + 1) are homogeneous, that is with a last column of ones;
//   W (columns, inner) has the bias as its last column; a' = d a(omega z) / dz is (rows, columns).
//# import shared/product/operands.wgsl
//# slot activation sine
//# slot schedule register

struct Problem {
  rows: u32,           // points
  columns: u32,        // the layer's width
  inner: u32,          // the input's width + 1
  omega: f32,
  left: u32,           // first quad of H, quads from row to row; the same for W, H' and a'
  leftStride: u32,
  right: u32,
  rightStride: u32,
  result: u32,
  resultStride: u32,
  derivative: u32,
  derivativeStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> left: array<vec4f>;                 // H: (rows, inner)
@group(0) @binding(2) var<storage, read> right: array<vec4f>;                // W: (columns, inner) among all parameters
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;         // H': (rows, columns + 1)
@group(0) @binding(4) var<storage, read_write> derivative: array<vec4f>;     // a': (rows, columns)

const LEFT_TRANSPOSED = false;
const RIGHT_TRANSPOSED = true;

fn store(p: Problem, row: u32, column: u32, z: vec4f) {
  if (row >= p.rows || column >= p.columns) { return; }
  var value = vec4f();
  var slope = vec4f();
  //# unroll
  for (var i = 0u; i < 4u; i++) {
    let pair = activate(p.omega, z[i]);
    value[i] = pair.x;
    slope[i] = pair.y;
  }
  let quad = p.result + row * p.resultStride + column / 4u;
  result[quad] = select(vec4f(1.0), value, first(p.columns - column));
  if (column + 4u == p.columns) {
    result[quad + 1u] = vec4f(1.0);
  }
  derivative[p.derivative + row * p.derivativeStride + column / 4u] = slope;
}

fn finish(p: Problem, invocation: u32) {}
