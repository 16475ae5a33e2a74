// Axes, and the plane of the compounds.

const SIGNS = [
  'M-4.2 0A4.2 4.2 0 1 0 4.2 0A4.2 4.2 0 1 0 -4.2 0Z', 'M0 -5L4.7 3.7L-4.7 3.7Z', 'M-3.8 -3.8H3.8V3.8H-3.8Z', 'M0 -5.2L4.6 0L0 5.2L-4.6 0Z',
  'M0 5L4.7 -3.7L-4.7 -3.7Z', 'M-1.6 -4.8H1.6V-1.6H4.8V1.6H1.6V4.8H-1.6V1.6H-4.8V-1.6H-1.6Z', 'M-4.6 -2.6L-2.6 -4.6L0 -2L2.6 -4.6L4.6 -2.6L2 0L4.6 2.6L2.6 4.6L0 2L-2.6 4.6L-4.6 2.6L-2 0Z', 'M0 -4.8L4.2 -2.4V2.4L0 4.8L-4.2 2.4V-2.4Z',
];
const CROSS = 'M-3.2 -3.2L3.2 3.2M-3.2 3.2L3.2 -3.2';
const signOf = (cluster) => (isNone(cluster) ? CROSS : SIGNS[cluster % CLUSTERS]);

/** Round numbers between two ends, about as many as wanted. */
function ticksBetween(low, high, wanted) {
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + 1e-9 * step; place += 1) {
    found.push(place === 0 ? 0 : Number((place * step).toPrecision(10)));
  }
  return found;
}

/** A linear axis, or a logarithmic one with a place for zeros below all others. */
function axisFor(values, logarithmic) {
  const known = values.filter((value) => value !== null);
  const positive = known.filter((value) => value > 0);
  if (!logarithmic || positive.length === 0) {
    let [low, high] = [known.reduce((a, b) => Math.min(a, b), Infinity), known.reduce((a, b) => Math.max(a, b), -Infinity)];
    const edge = (high - low) * 0.04 || 1;
    [low, high] = [low - edge, high + edge];
    return { low, high, place: (value) => value, ticks: ticksBetween(low, high, 6).map((value) => [value, String(value).replace('-', '\u2212')]) };
  }
  const [least, most] = [Math.floor(Math.log10(positive.reduce((a, b) => Math.min(a, b)))), Math.log10(positive.reduce((a, b) => Math.max(a, b)))];
  const zeros = positive.length < known.length;
  const floor = least - 0.7;
  const ticks = zeros ? [[floor, '0']] : [];
  for (let power = least; power <= most + 0.3; power += 1) {
    ticks.push([power, '10' + String(power).split('').map((digit) => (digit === '-' ? '\u207b' : '\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079'[Number(digit)])).join('')]);
  }
  // Zeros are spread a little, always the same way, so that they are no single bar.
  const place = (value, row) => (value > 0 ? Math.log10(value) : floor + 0.5 * (((row * 0.618034) % 1) - 0.5));
  return { low: zeros ? floor - 0.4 : least - 0.2, high: most + 0.3, place, ticks };
}

/** The frame of a plot: where a value stands, and the elements of both axes. */
function frame(box, x, y, titles) {
  const [across, up] = [(value) => box.left + ((value - x.low) / (x.high - x.low)) * box.width, (value) => box.top + box.height - ((value - y.low) / (y.high - y.low)) * box.height];
  const nodes = [shape('rect', { class: 'frame', x: box.left, y: box.top, width: box.width, height: box.height })];
  for (const [value, text] of x.ticks) {
    nodes.push(shape('line', { class: 'grid', x1: across(value), x2: across(value), y1: box.top, y2: box.top + box.height }));
    if (!box.silent) {
      nodes.push(shape('text', { x: across(value), y: box.top + box.height + 16, 'text-anchor': 'middle' }, text));
    }
  }
  for (const [value, text] of y.ticks) {
    nodes.push(shape('line', { class: 'grid', x1: box.left, x2: box.left + box.width, y1: up(value), y2: up(value) }));
    nodes.push(shape('text', { x: box.left - 6, y: up(value) + 4, 'text-anchor': 'end' }, text));
  }
  if (titles.x) {
    nodes.push(shape('text', { class: 'title', x: box.left + box.width / 2, y: box.top + box.height + 34, 'text-anchor': 'middle' }, titles.x));
  }
  if (titles.y) {
    nodes.push(shape('text', { class: 'title', transform: 'translate(13 ' + (box.top + box.height / 2) + ') rotate(-90)', 'text-anchor': 'middle' }, titles.y));
  }
  return { across, up, nodes };
}

function axisColumn(name) {
  return data.axes.find((axis) => axis.name === name);
}

function drawPlane() {
  const plot = byId('plane-plot');
  const [xs, ys] = [axisColumn(state.x), axisColumn(state.y)];
  const box = { left: 62, top: 8, width: 530, height: 372 };
  const [x, y] = [axisFor(xs.values, xs.logarithmic), axisFor(ys.values, ys.logarithmic)];
  const { across, up, nodes } = frame(box, x, y, { x: headText(xs), y: headText(ys) });
  const listed = new Set(state.rows);
  const where = (row) => (xs.values[row] === null || ys.values[row] === null ? null : [across(x.place(xs.values[row], row)), up(y.place(ys.values[row], row + 7))]);
  let missing = 0;
  for (let row = 0; row < data.size; row += 1) {
    const point = where(row);
    if (point === null) {
      missing += listed.has(row) ? 1 : 0;
      continue;
    }
    const cluster = clusterOf(row);
    const mark = shape('path', { class: 'mark ' + clusterClass(cluster) + (isNone(cluster) ? ' cross' : '') + (listed.has(row) ? '' : ' faint'), d: signOf(cluster), transform: 'translate(' + point.map((value) => value.toFixed(1)).join(' ') + ')', 'data-row': row });
    mark.append(shape('title', {}, valueOf('formula', row) + ', ' + valueOf('id', row)));
    nodes.push(mark);
  }
  const point = state.chosen === null ? null : where(state.chosen);
  if (point !== null) {
    nodes.push(shape('circle', { class: 'chosen', cx: point[0], cy: point[1], r: 8.5 }));
  }
  plot.replaceChildren(...nodes);
  byId('plane-missing').textContent = missing > 0 ? missing + ' of the listed compounds lack one of the two numbers.' : '';
}
