// What a block of reflectors does at once: H_a .. H_b = 1 - U^T T U (Schreiber and Van Loan 1989), where for reflectors
// 1 - u u^T with |u|^2 = 2 the inverse of T is the upper triangle of U U^T with ones on its diagonal (Joffrin and Low).
//
//   W = T^T U (rows, columns), from U (rows, columns), a reflector a row, and U U^T (rows, rows): X H_b .. H_a = X - (X U^T) W.
//
// One thread for four columns, which goes down the rows by forward substitution; a block a workgroup layer (z).

struct Problem {
  rows: u32,
  columns: u32,
  gram: u32,           // first number of U U^T, numbers from row to row
  gramStride: u32,
  reflectors: u32,     // first quad of U, quads from row to row; the same for the result
  reflectorsStride: u32,
  result: u32,
  resultStride: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read> gram: array<f32>;                   // U U^T: (rows, rows)
@group(0) @binding(2) var<storage, read> reflectors: array<vec4f>;           // U: (rows, columns)
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;         // W: (rows, columns)

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let p = problems[id.z];
  let q = id.x;
  if (q >= (p.columns + 3u) / 4u) { return; }
  for (var row = 0u; row < p.rows; row++) {
    var sum = reflectors[p.reflectors + row * p.reflectorsStride + q];
    for (var i = 0u; i < row; i++) {
      sum = fma(vec4f(-gram[p.gram + row * p.gramStride + i]), result[p.result + i * p.resultStride + q], sum);
    }
    result[p.result + row * p.resultStride + q] = sum;
  }
}
