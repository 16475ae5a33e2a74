// Large arrays travel as gzip and base64; they are unpacked when somebody first asks for them.

const unpackedArrays = new Map();

async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

/** Numbers of one packed array: value = offset + scale * number; the largest integer means that there is none. */
class Unpacked {
  constructor(packed, buffer) {
    const kinds = { u1: Uint8Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array };
    this.shape = packed.shape;
    this.raw = new kinds[packed.dtype](buffer);
    this.scale = packed.scale === undefined ? 1 : packed.scale;
    this.offset = packed.offset === undefined ? 0 : packed.offset;
    this.none = { u1: 255, u2: 65535 }[packed.dtype];
    this.width = packed.shape[packed.shape.length - 1];
  }

  at(place) {
    const found = this.raw[place];
    return found === this.none ? NaN : this.offset + this.scale * found;
  }

  row(index) {
    return Float64Array.from({ length: this.width }, (_, column) => this.at(index * this.width + column));
  }
}

function unpack(packed) {
  if (!unpackedArrays.has(packed)) {
    unpackedArrays.set(packed, inflate(packed.data).then((buffer) => new Unpacked(packed, buffer)));
  }
  return unpackedArrays.get(packed);
}

/** The row at a code, between the rows of a table that follow one code each. */
function rowAtCode(codes, rows, code) {
  const last = codes.raw.length - 1;
  let above = 1;
  while (above < last && codes.at(above) < code) {
    above += 1;
  }
  const [start, end] = [codes.at(above - 1), codes.at(above)];
  const share = Math.min(1, Math.max(0, (code - start) / (end - start)));
  const [low, high] = [rows.row(above - 1), rows.row(above)];
  return low.map((x, column) => x + share * (high[column] - x));
}

/** Value at a place of a plane with rows along y, by the four corners around; NaN outside of the plane. */
function onPlane(at, shape, xRange, yRange, x, y) {
  const [rows, columns] = shape;
  const column = ((x - xRange[0]) / (xRange[1] - xRange[0])) * (columns - 1);
  const row = ((y - yRange[0]) / (yRange[1] - yRange[0])) * (rows - 1);
  if (!(column >= 0 && column <= columns - 1 && row >= 0 && row <= rows - 1)) {
    return NaN;
  }
  const [left, below] = [Math.floor(column), Math.floor(row)];
  const [right, above] = [Math.min(left + 1, columns - 1), Math.min(below + 1, rows - 1)];
  const low = at(below * columns + left) * (1 - column + left) + at(below * columns + right) * (column - left);
  const high = at(above * columns + left) * (1 - column + left) + at(above * columns + right) * (column - left);
  return low + (row - below) * (high - low);
}

/** A structure as the viewer takes it, from its cell (f4, Å), elements (u2) and fractional coordinates (u2 / 65536). */
function unpackStructure(packed, elements) {
  const bytes = Uint8Array.from(atob(packed.data), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const cell = Array.from({ length: 9 }, (_, place) => view.getFloat32(4 * place, true));
  const start = 36 + 2 * packed.size;
  const found = { size: packed.size, names: [], x: [], y: [], z: [], cell: cell };
  for (let site = 0; site < packed.size; site += 1) {
    found.names.push(elements[view.getUint16(36 + 2 * site, true)]);
    const place = [0, 1, 2].map((axis) => view.getUint16(start + 2 * (3 * site + axis), true) / 65536);
    ['x', 'y', 'z'].forEach((name, axis) => found[name].push(place[0] * cell[axis] + place[1] * cell[3 + axis] + place[2] * cell[6 + axis]));
  }
  return found;
}
