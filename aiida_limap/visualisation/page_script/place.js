// Empty places of the map: what the model makes of them, and which known compounds are nearest.

const NEIGHBOURS = 10;
/** Elements with a smaller share are left out of the text. */
const SMALLEST_SHARE = 0.01;

/** The nearest points on the plane, by the distance of the codes. */
function nearest(x, y, size) {
  const [xs, ys] = [property.x_comp.values, property.x_struc.values];
  const found = [];
  for (let index = 0; index < count; index += 1) {
    if (xs[index] === null || ys[index] === null) {
      continue;
    }
    const distance = Math.hypot(xs[index] - x, ys[index] - y);
    if (found.length < size || distance < found[found.length - 1][1]) {
      const place = found.findIndex((entry) => entry[1] > distance);
      found.splice(place < 0 ? found.length : place, 0, [index, distance]);
      found.length = Math.min(found.length, size);
    }
  }
  return found;
}

async function layerAt(name, x, y) {
  const layer = layerOf(name);
  if (layer === undefined) {
    return NaN;
  }
  const values = await unpack(layer.values);
  return onPlane((place) => values.at(place), values.shape, data.plane.x, data.plane.y, x, y);
}

/** The prediction at a place and its interval; NaN where the page holds none. */
async function predictionAt(x, y) {
  const [middle, low, high] = await Promise.all(['predicted', 'low', 'high'].map((name) => layerAt(name, x, y)));
  const half = (data.prediction || {}).half_width_eV;
  if (Number.isNaN(low) && Number.isNaN(high) && typeof half === 'number') {
    return [middle, Math.max(0, middle - half), middle + half];
  }
  return [middle, low, high];
}

async function predictionBox(x, y) {
  const [middle, low, high] = await predictionAt(x, y);
  const box = element('div', { class: 'energy' }, element('div', { class: 'what' }, 'Migration energy, predicted'));
  box.append(element('div', { class: 'value', id: 'place-energy' }, Number.isNaN(middle) ? 'none' : number(middle) + '\u00a0eV'));
  if (Number.isNaN(middle)) {
    box.append(element('div', { class: 'what' }, layerOf('predicted') === undefined
      ? 'This page holds no prediction over the plane.' : 'The prediction ends before this place.'));
  } else if (!Number.isNaN(low) || !Number.isNaN(high)) {
    const level = (data.prediction || {}).level || data.level;
    const ends = Number.isNaN(high) ? 'from ' + number(low) : (Number.isNaN(low) ? 'up to ' : number(low) + ' to ') + number(high);
    box.append(element('div', { id: 'place-interval' }, 'Interval' + (level ? ' (' + Math.round(100 * level) + '\u00a0%)' : '') + ': ' + ends + '\u00a0eV'));
  }
  const support = supportAt(x, y);
  const known = data.support && support >= data.support.known;
  box.append(element('p', { class: 'status' + (known || !data.support ? '' : ' warning'), id: 'place-domain' },
    !data.support ? 'Whether the model knows this place was not measured.'
      : known ? 'Inside of what the model knows.' : 'Outside of what the model knows: nothing like this was in the training, and the numbers here are guesses.'));
  return box;
}

async function compositionParts(x) {
  const elements = (data.decoded || {}).elements;
  if (!elements) {
    return [];
  }
  const [codes, rows] = await Promise.all([unpack(data.decoded.composition.code), unpack(elements.rows)]);
  const shares = rowAtCode(codes, rows, x);
  const total = shares.reduce((sum, share) => sum + Math.max(0, share), 0);
  const found = elements.symbols
    .map((symbol, place) => [symbol, total > 0 ? Math.max(0, shares[place]) / total : 0])
    .filter(([, share]) => share >= SMALLEST_SHARE).sort((a, b) => b[1] - a[1]);
  const colours = (window.$3Dmol && window.$3Dmol.elementColors && window.$3Dmol.elementColors.Jmol) || {};
  const bar = element('div', { class: 'shares', 'aria-hidden': 'true' });
  for (const [symbol, share] of found) {
    const part = element('i', { title: symbol + ' ' + (100 * share).toFixed(0) + ' %' }, share > 0.07 ? symbol : '');
    part.style.flexGrow = String(share);
    const colour = Number.isInteger(colours[symbol]) ? colours[symbol] : 0x999999;
    const light = 0.3 * (colour >> 16) + 0.59 * ((colour >> 8) & 255) + 0.11 * (colour & 255);
    part.style.background = '#' + colour.toString(16).padStart(6, '0');
    part.style.color = light > 130 ? '#111111' : '#ffffff';
    bar.append(part);
  }
  return [
    element('h3', {}, 'Decoded composition'), bar,
    element('p', { id: 'place-elements' }, found.map(([symbol, share]) => symbol + '\u00a0' + share.toFixed(2)).join(', ')),
  ];
}

let placeTurn = 0;

/** Tell what is known about a place of the plane, and mark it. */
async function askPlace(x, y) {
  placeTurn += 1;
  const turn = placeTurn;
  const [box, composition] = await Promise.all([predictionBox(x, y), compositionParts(x)]);
  if (turn !== placeTurn) {
    return;
  }
  const entries = nearest(x, y, NEIGHBOURS).map(([index, distance]) =>
    [pointLabel(index, ' \u00b7 at ' + distance.toFixed(2)), () => select(index, true)]);
  byId('place').replaceChildren(
    element('h2', { id: 'place-title' }, 'A place of the map'),
    element('p', { class: 'origin' }, 'Composition code ' + number(x) + ', structure code ' + number(y)),
    box, ...composition, ...descriptorSections(null, [x, y]),
    element('h3', {}, 'Nearest known compounds'), buttonList(entries, 'Nearest known compounds, by distance of the codes'));
  limap.place = [x, y];
  showCross();
  openTab('place');
  announce('Place ' + number(x) + ', ' + number(y) + ': ' + byId('place-energy').textContent);
}

/** The cross stands at the place asked about, or where the arrow keys moved it. */
function showCross() {
  const cross = byId('cross');
  const plot = plotOf();
  if (plot === null || limap.place === null || !axesFit()) {
    cross.hidden = true;
    return;
  }
  const { xaxis, yaxis } = plot._fullLayout;
  const [x, y] = [xaxis.l2p(limap.place[0]), yaxis.l2p(limap.place[1])];
  const frame = byId('map-frame').getBoundingClientRect();
  const box = plot.getBoundingClientRect();
  cross.hidden = x < 0 || y < 0 || x > xaxis._length || y > yaxis._length;
  cross.style.left = box.left - frame.left + xaxis._offset + x + 'px';
  cross.style.top = box.top - frame.top + yaxis._offset + y + 'px';
}

/** Codes at a place of the screen, null outside of the axes. */
function codesAt(clientX, clientY) {
  const plot = plotOf();
  const { xaxis, yaxis } = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  const [x, y] = [clientX - box.left - xaxis._offset, clientY - box.top - yaxis._offset];
  return x < 0 || y < 0 || x > xaxis._length || y > yaxis._length ? null : [xaxis.p2l(x), yaxis.p2l(y)];
}

/** A click that neither drags nor hits a point asks about the place; so do the arrow keys and Enter. */
function attachPlace() {
  const plot = plotOf();
  let start = null;
  let clicked = false;
  plot.on('plotly_click', () => { clicked = true; });
  plotHost().addEventListener('mousedown', (event) => {
    const target = event.composedPath()[0];
    start = target.classList && target.classList.contains('drag') && event.button === 0 ? [event.clientX, event.clientY] : null;
  }, true);
  // A lasso may end where it began: what counts is that the mouse never moved.
  window.addEventListener('mousemove', (event) => {
    if (start !== null && Math.hypot(event.clientX - start[0], event.clientY - start[1]) > 3) {
      start = null;
    }
  }, true);
  window.addEventListener('mouseup', (event) => {
    const still = start !== null && Math.hypot(event.clientX - start[0], event.clientY - start[1]) <= 3;
    start = null;
    clicked = false;
    const codes = still ? codesAt(event.clientX, event.clientY) : null;
    if (codes === null || !axesFit()) {
      return;
    }
    // The plot answers this event after us, and says then whether a point was hit.
    setTimeout(() => {
      if (!clicked || event.altKey) {
        askPlace(...codes).catch(placeFailed);
      }
    });
  }, true);
  byId('map-frame').addEventListener('keydown', moveCross);
}

function placeFailed(error) {
  showMessage('The place could not be read: ' + error.message + '.');
}

function moveCross(event) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (event.target !== byId('map-frame') || (step === undefined && event.key !== 'Enter') || !axesFit()) {
    return;
  }
  event.preventDefault();
  const { xaxis, yaxis } = plotOf()._fullLayout;
  const ranges = [xaxis.range, yaxis.range].map(([low, high]) => [Number(low), Number(high)]);
  if (limap.place === null) {
    limap.place = ranges.map(([low, high]) => (low + high) / 2);
  }
  if (step === undefined) {
    askPlace(...limap.place).catch(placeFailed);
    return;
  }
  const size = event.shiftKey ? 0.1 : 0.02;
  limap.place = limap.place.map((x, axis) => Math.min(ranges[axis][1], Math.max(ranges[axis][0], x + step[axis] * size * (ranges[axis][1] - ranges[axis][0]))));
  showCross();
}
