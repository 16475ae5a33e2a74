// Small pictures with axes: an energy profile, a histogram of descriptors.

const SVG = 'http://www.w3.org/2000/svg';

function shape(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, given] of Object.entries(attributes)) {
    node.setAttribute(name, String(given));
  }
  node.append(...children);
  return node;
}

/** Round numbers that divide a range into about so many steps. */
function ticks(low, high, steps) {
  const rough = (high - low) / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + 1e-9 * step; place += 1) {
    found.push(place * step);
  }
  return found;
}

function extent(rows) {
  let [low, high] = [Infinity, -Infinity];
  for (const row of rows) {
    for (const x of row) {
      if (x < low) { low = x; }
      if (x > high) { high = x; }
    }
  }
  if (!Number.isFinite(low)) {
    return [0, 1];
  }
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

function path(xs, ys, placeX, placeY) {
  const parts = [];
  let pen = 'M';
  xs.forEach((x, index) => {
    if (Number.isNaN(ys[index])) {
      pen = 'M';
      return;
    }
    parts.push(pen + placeX(x).toFixed(1) + ' ' + placeY(ys[index]).toFixed(1));
    pen = 'L';
  });
  return parts.join('');
}

/**
 * A chart of lines over common positions.
 *
 * @param options title (read aloud), xs, lines [{ys, kind: 'input'|'decoded'|'line'}], xLabel, yLabel, height, zero
 *   (whether the y axis starts at zero), xTicks (false where positions are names).
 */
function chart(options) {
  const [width, height] = [320, options.height || 150];
  const [left, right, top, bottom] = [46, 8, 8, 34];
  const [x0, x1] = extent([options.xs]);
  let [y0, y1] = extent(options.lines.map((line) => line.ys));
  if (options.zero && y0 > 0) {
    y0 = 0;
  }
  y1 += 0.04 * (y1 - y0);
  const placeX = (x) => left + ((x - x0) / (x1 - x0)) * (width - left - right);
  const placeY = (y) => height - bottom - ((y - y0) / (y1 - y0)) * (height - top - bottom);
  const picture = shape('svg', { class: 'chart', viewBox: '0 0 ' + width + ' ' + height, role: 'img', 'aria-label': options.title });
  for (const y of ticks(y0, y1, height > 120 ? 4 : 2)) {
    picture.append(shape('line', { class: 'grid', x1: left, x2: width - right, y1: placeY(y), y2: placeY(y) }));
    picture.append(shape('text', { x: left - 5, y: placeY(y) + 4, 'text-anchor': 'end' }, short(y)));
  }
  for (const x of options.xTicks === false ? [] : ticks(x0, x1, 5)) {
    picture.append(shape('line', { class: 'axis', x1: placeX(x), x2: placeX(x), y1: height - bottom, y2: height - bottom + 3 }));
    picture.append(shape('text', { x: placeX(x), y: height - bottom + 14, 'text-anchor': 'middle' }, short(x)));
  }
  picture.append(shape('path', { class: 'axis', d: 'M' + left + ' ' + top + 'V' + (height - bottom) + 'H' + (width - right) }));
  const middle = (top + height - bottom) / 2;
  picture.append(shape('text', { class: 'label', x: (left + width - right) / 2, y: height - 4, 'text-anchor': 'middle' }, options.xLabel));
  if (options.yLabel) {
    picture.append(shape('text', { class: 'label', x: 10, y: middle, 'text-anchor': 'middle', transform: 'rotate(-90 10 ' + middle + ')' }, options.yLabel));
  }
  for (const line of options.lines) {
    const d = path(options.xs, line.ys, placeX, placeY);
    if (line.kind === 'input' && d !== '') {
      const floor = placeY(Math.max(y0, 0)).toFixed(1);
      picture.append(shape('path', { class: 'area', d: d + 'L' + placeX(options.xs[options.xs.length - 1]).toFixed(1) + ' ' + floor + 'L' + placeX(options.xs[0]).toFixed(1) + ' ' + floor + 'Z' }));
    }
    picture.append(shape('path', { class: 'curve ' + line.kind, d: d }));
  }
  for (const mark of options.marks || []) {
    picture.append(shape('circle', { class: 'mark', cx: placeX(mark.x), cy: placeY(mark.y), r: 3.2 }));
  }
  return picture;
}
