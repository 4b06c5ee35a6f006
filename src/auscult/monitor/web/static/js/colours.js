// Colour maps that are perceptually uniform: equal steps of a value are equal steps in OKLab (Ottosson 2020).

const SIZE = 256;
/** Points of a path in OKLab: lightness, chroma, hue in degrees. Lightness grows evenly along it. */
const HEAT = [
  [0.13, 0.03, 275],
  [0.3, 0.12, 290],
  [0.45, 0.17, 340],
  [0.6, 0.18, 385],
  [0.75, 0.16, 420],
  [0.88, 0.14, 455],
  [0.97, 0.06, 465],
];
const GREY = [
  [0.15, 0, 0],
  [0.97, 0, 0],
];

function toLab([lightness, chroma, hue]) {
  const angle = (hue * Math.PI) / 180;
  return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)];
}

function between(low, high, share) {
  return low.map((value, index) => value + share * (high[index] - value));
}

/** Linear sRGB of an OKLab colour; values outside 0..1 are out of gamut. */
function linear([lightness, a, b]) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

function encode(value) {
  const inside = Math.min(1, Math.max(0, value));
  return Math.round(255 * (inside <= 0.0031308 ? 12.92 * inside : 1.055 * inside ** (1 / 2.4) - 0.055));
}

/** The nearest colour of the same lightness and hue that a screen can show. */
function inGamut(lab) {
  let share = 1;
  const at = () => linear([lab[0], share * lab[1], share * lab[2]]);
  while (share > 0 && at().some((value) => value < -1e-4 || value > 1.0001)) share -= 0.02;
  return at().map(encode);
}

/** Return SIZE colours, [red, green, blue] each, at equal distances along a path in OKLab. */
function uniform(points) {
  const path = [];
  for (let index = 0; index + 1 < points.length; index += 1) {
    for (let step = 0; step < 64; step += 1)
      path.push(toLab(between(points[index], points[index + 1], step / 64)));
  }
  path.push(toLab(points[points.length - 1]));
  const lengths = [0];
  for (let index = 1; index < path.length; index += 1) {
    const moved = Math.hypot(...path[index].map((value, axis) => value - path[index - 1][axis]));
    lengths.push(lengths[index - 1] + moved);
  }
  const total = lengths[lengths.length - 1];
  let index = 0;
  return Array.from({ length: SIZE }, (_, number) => {
    const wanted = (total * number) / (SIZE - 1);
    while (index + 2 < lengths.length && lengths[index + 1] < wanted) index += 1;
    const share = (wanted - lengths[index]) / (lengths[index + 1] - lengths[index]);
    return inGamut(between(path[index], path[index + 1], Math.min(1, share)));
  });
}

/** For levels in dB. */
export const heat = uniform(HEAT);
/** For levels below an overlay in colour. */
export const grey = uniform(GREY);

/**
 * Return an image of row-major values, the first row at the bottom.
 *
 * @param {Uint8Array} values rows × columns
 * @param {(value: number) => number[]} paint returns [red, green, blue, alpha] of a value
 */
export function image(values, rows, columns, paint) {
  const table = Array.from({ length: SIZE }, (_, value) => paint(value));
  const pixels = new ImageData(columns, rows);
  for (let row = 0; row < rows; row += 1) {
    let target = 4 * (rows - 1 - row) * columns;
    for (let column = 0; column < columns; column += 1) {
      pixels.data.set(table[values[row * columns + column]], target);
      target += 4;
    }
  }
  return pixels;
}
