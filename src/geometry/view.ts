/** Pictures of meshes: parallel projection, a depth buffer, and light from over the viewer's shoulder. */

import type { Box, Mesh } from './mesh.js';

export interface View {
  /** What the picture shows whole, whichever mesh is drawn. */
  readonly box: Box;
  /** The axis that points upwards. */
  readonly up: number;
  /** Pixels of its longer side. */
  readonly pixels: number;
}

export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** RGB. */
  readonly channels: 3;
  /** Row by row. */
  readonly data: Uint8ClampedArray;
}

/** From where: turned about the upright axis, then raised. */
const azimuth = (30 * Math.PI) / 180;
const elevation = (20 * Math.PI) / 180;
/** The light comes from higher up, and more from the left. */
const light = unit([-0.5, 0.6, 1]);
const ambient = 0.2;
const colour = [205, 190, 165];
const background = 255;
/** Samples of a pixel's side. */
const samples = 2;
/** Of the picture, on each side. */
const border = 0.03;

type Vector = readonly [number, number, number];

function unit([x, y, z]: Vector): Vector {
  const length = Math.hypot(x, y, z);
  return [x / length, y / length, z / length];
}

/** Turns a point about a middle so that x runs to the right, y upwards, z towards the viewer. */
function turned(point: ArrayLike<number>, middle: ArrayLike<number>, up: number): Vector {
  const [across, upright, forth] = [(up + 2) % 3, up, (up + 1) % 3].map(axis => point[axis] - middle[axis]);
  const right = Math.cos(azimuth) * across - Math.sin(azimuth) * forth;
  const near = Math.sin(azimuth) * across + Math.cos(azimuth) * forth;
  return [
    right,
    Math.cos(elevation) * upright - Math.sin(elevation) * near,
    Math.sin(elevation) * upright + Math.cos(elevation) * near,
  ];
}

export function drawMesh({ positions, triangles }: Mesh, view: View): Drawing {
  const frame = frameOf(view);
  const [width, height] = [frame.width * samples, frame.height * samples];
  const depth = new Float32Array(width * height).fill(Number.NEGATIVE_INFINITY);
  const shade = new Float32Array(width * height).fill(-1);
  const seen = (vertex: number): Vector => {
    const [x, y, z] = turned(positions.subarray(3 * vertex, 3 * vertex + 3), view.box.least, view.up);
    return [
      samples * (frame.left + frame.scale * x),
      samples * (frame.top - frame.scale * y),
      samples * frame.scale * z,
    ];
  };
  for (let at = 0; at < triangles.length; at += 3) {
    const [a, b, c] = [seen(triangles[at]), seen(triangles[at + 1]), seen(triangles[at + 2])];
    const area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    if (area === 0) continue;
    const brightness = shadeOf(a, b, c);
    for (const { x, y, weights } of samplesOf(a, b, c, area, width, height)) {
      const z = weights[0] * a[2] + weights[1] * b[2] + weights[2] * c[2];
      const pixel = y * width + x;
      if (z <= depth[pixel]) continue;
      depth[pixel] = z;
      shade[pixel] = brightness;
    }
  }
  return averaged(shade, frame.width, frame.height);
}

/** How large the picture is, and where and how large the box stands in it. */
function frameOf({ box: { least, greatest }, up, pixels }: View) {
  const ends = [least, greatest];
  const corners = Array.from({ length: 8 }, (_, i) =>
    turned([ends[i & 1][0], ends[(i >> 1) & 1][1], ends[i >> 2][2]], least, up),
  );
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const [across, upright] = [xs, ys].map(values => Math.max(...values) - Math.min(...values));
  const scale = (pixels * (1 - 2 * border)) / Math.max(across, upright);
  const margin = pixels * border;
  return {
    width: Math.max(1, Math.ceil(scale * across + 2 * margin)),
    height: Math.max(1, Math.ceil(scale * upright + 2 * margin)),
    left: margin - scale * Math.min(...xs),
    top: margin + scale * Math.max(...ys),
    scale,
  };
}

/** Of a flat triangle, whichever way round it is; rows of the picture run downwards. */
function shadeOf(a: Vector, b: Vector, c: Vector): number {
  const [u, v] = [b, c].map((p): Vector => [p[0] - a[0], a[1] - p[1], p[2] - a[2]]);
  const normal = unit([u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]);
  const towards = normal[2] < 0 ? -1 : 1;
  const cosine = towards * (normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2]);
  return ambient + (1 - ambient) * Math.max(0, cosine);
}

/** The samples whose middle lies in a triangle, with its corners' shares in each. */
function* samplesOf(a: Vector, b: Vector, c: Vector, area: number, width: number, height: number) {
  const from = (axis: 0 | 1) => Math.max(0, Math.floor(Math.min(a[axis], b[axis], c[axis])));
  const to = (axis: 0 | 1, size: number) => Math.min(size - 1, Math.ceil(Math.max(a[axis], b[axis], c[axis])));
  const share = (p: Vector, q: Vector, x: number, y: number) =>
    ((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])) / area;
  for (let y = from(1); y <= to(1, height); y++) {
    for (let x = from(0); x <= to(0, width); x++) {
      const weights: Vector = [
        share(b, c, x + 0.5, y + 0.5),
        share(c, a, x + 0.5, y + 0.5),
        share(a, b, x + 0.5, y + 0.5),
      ];
      if (weights.every(weight => weight >= 0)) yield { x, y, weights };
    }
  }
}

/** Every pixel the mean of its samples; a shade below 0 is background. */
function averaged(shade: Float32Array, width: number, height: number): Drawing {
  const data = new Uint8ClampedArray(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let sample = 0; sample < samples ** 2; sample++) {
          const row = y * samples + Math.floor(sample / samples);
          const brightness = shade[row * width * samples + x * samples + (sample % samples)];
          sum += brightness < 0 ? background : brightness * colour[channel];
        }
        data[3 * (y * width + x) + channel] = Math.round(sum / samples ** 2);
      }
    }
  }
  return { width, height, channels: 3, data };
}
