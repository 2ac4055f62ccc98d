// A bounded number of sweeps of the implicit QL algorithm on each symmetric tridiagonal matrix of a batch (Wilkinson's
// shift; Golub and Van Loan, section 8.3.3, and tql2 of EISPACK), its rotations written down for rotateRows.wgsl.
//
//   d, e (size) are brought up to date; an e below TOLERANCE times the norm is taken for zero.
//
// Four sweeps make a group, whose rotations rotateRows applies at once, each sweep lagging one row below the previous:
// rotations[group][t + 3][s] is that of sweep s on rows t + s and t + s + 1, (1, 0) where the sweep has none, for t + 3
// from low to high + 2; ranges[group] is (low, high), the rows that any of the four turns, equal where there is none.
//
// `progress` is where the next sweep begins and, once known, ends: the rows before are done. One workgroup per matrix, of
// which one thread works: the sweeps follow each other, and only the rotations' application is wide.

struct Problem {
  size: u32,           // 2 to MOST_SIZE
  restart: u32,        // 1 where nothing has been done yet
  tridiagonal: u32,    // first number of d, and from there to e
  tridiagonalStride: u32,
  rotations: u32,      // first pair; (size + 2) steps of four pairs a group
  ranges: u32,         // first
  progress: u32,
}

@group(0) @binding(0) var<storage, read> problems: array<Problem>;
@group(0) @binding(1) var<storage, read_write> tridiagonal: array<f32>;   // d and e: (2, size)
@group(0) @binding(2) var<storage, read_write> rotations: array<vec2f>;   // (GROUPS, size + 2, 4): cosine, sine
@group(0) @binding(3) var<storage, read_write> ranges: array<vec2u>;      // (GROUPS)
@group(0) @binding(4) var<storage, read_write> progress: array<vec2u>;    // one per problem

const WORKGROUP = 64u;
const MOST_SIZE = 1024u;
const GROUPS = 8u;
const SWEEPS = 4u;            // of a group
const TOLERANCE = 3e-8f;      // 2^-25
const SMALLEST = 1e-30f;

var<workgroup> d: array<f32, MOST_SIZE>;
var<workgroup> e: array<f32, MOST_SIZE>;

/// The next unreduced block (first, last) from `at` on; first == size - 1 where there is none.
fn advance(at: vec2u, size: u32, negligible: f32) -> vec2u {
  var l = at.x;
  var m = at.y;
  while (l + 1u < size) {
    if (m <= l) {   // not known
      m = l;
      while (m + 1u < size && abs(e[m]) > negligible) { m++; }
    }
    if (l < m && abs(e[l]) > negligible) { break; }
    l++;
  }
  return vec2u(l, m);
}

/// One sweep on the rows l to m; gives the first row where the block has come apart, or m.
fn sweep(l: u32, m: u32, negligible: f32, rotation: u32) -> u32 {
  var g = (d[l + 1u] - d[l]) / (2.0 * e[l]);
  g = d[m] - d[l] + e[l] / (g + select(-1.0, 1.0, g >= 0.0) * sqrt(g * g + 1.0));
  var s = 1.0;
  var c = 1.0;
  var shift = 0.0;
  var apart = m;
  var i = m;
  while (i > l) {
    i--;
    let f = s * e[i];
    let b = c * e[i];
    let square = f * f + g * g;
    if (square < SMALLEST) {   // the block has come apart below here
      d[i + 1u] -= shift;
      e[i + 1u] = 0.0;
      e[m] = 0.0;
      for (var rest = l; rest <= i; rest++) { rotations[rotation + SWEEPS * rest] = vec2f(1.0, 0.0); }
      return min(apart, i + 1u);
    }
    let r = sqrt(square);
    e[i + 1u] = r;
    if (r <= negligible && i + 1u < m) { apart = i + 1u; }
    s = f / r;
    c = g / r;
    g = d[i + 1u] - shift;
    let t = (d[i] - g) * s + 2.0 * c * b;
    shift = s * t;
    d[i + 1u] = g + shift;
    g = c * t - b;
    rotations[rotation + SWEEPS * i] = vec2f(c, s);
  }
  d[l] -= shift;
  e[l] = g;
  e[m] = 0.0;
  return apart;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = problems[group.x];
  let off = p.tridiagonal + p.tridiagonalStride;
  for (var i = lane; i < p.size; i += WORKGROUP) {
    d[i] = tridiagonal[p.tridiagonal + i];
    e[i] = tridiagonal[off + i];
  }
  workgroupBarrier();
  if (lane == 0u) {
    var norm = 0.0;
    var before = 0.0;
    for (var i = 0u; i < p.size; i++) {
      let next = select(abs(e[i]), 0.0, i + 1u == p.size);
      norm = max(norm, before + abs(d[i]) + next);
      before = next;
    }
    let negligible = TOLERANCE * norm;
    var at = progress[p.progress];
    if (p.restart == 1u) { at = vec2u(0u, 0u); }
    for (var number = 0u; number < GROUPS; number++) {
      let steps = p.rotations + number * (p.size + 2u) * SWEEPS;
      var turned = array<vec2u, SWEEPS>();
      var low = p.size;
      var high = 0u;
      for (var s = 0u; s < SWEEPS; s++) {
        at = advance(at, p.size, negligible);
        turned[s] = vec2u(at.x, at.x);
        if (at.x + 1u >= p.size) { continue; }
        turned[s] = at;
        low = min(low, at.x);
        high = max(high, at.y);
        at.y = sweep(at.x, at.y, negligible, steps + (3u - s) * SWEEPS + s);
      }
      low = min(low, high);
      ranges[p.ranges + number] = vec2u(low, high);
      if (low == high) { continue; }
      for (var s = 0u; s < SWEEPS; s++) {   // steps t + 3 from low to high + 2, those of the sweep itself left out
        let own = turned[s] + vec2u(3u - s);
        for (var step = low; step < min(own.x, high + 3u); step++) { rotations[steps + step * SWEEPS + s] = vec2f(1.0, 0.0); }
        for (var step = max(own.y, low); step < high + 3u; step++) { rotations[steps + step * SWEEPS + s] = vec2f(1.0, 0.0); }
      }
    }
    progress[p.progress] = at;
  }
  workgroupBarrier();
  for (var i = lane; i < p.size; i += WORKGROUP) {
    tridiagonal[p.tridiagonal + i] = d[i];
    tridiagonal[off + i] = e[i];
  }
}
