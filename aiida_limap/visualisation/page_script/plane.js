// What lies below the points: a predicted quantity or the density of known compounds as a picture, contours of that
// density, and hatches where the model knows nothing.

const PICTURE = 480;

function layerOf(name) {
  return ((data.plane || {}).layers || []).find((layer) => layer.name === name);
}

/** The backgrounds that these data allow. */
function fillBackgrounds() {
  const shown = ['predicted', 'density'].filter((name) => layerOf(name) !== undefined);
  byId('background').replaceChildren(
    element('option', { value: '' }, 'none'),
    ...shown.map((name) => element('option', { value: name }, name === 'density' ? 'density of compounds' : 'predicted energy')));
  byId('background-field').hidden = shown.length === 0;
  byId('contours-field').hidden = !data.plane || !(data.plane.contours || []).length;
  byId('background').addEventListener('change', () => drawPlane().catch(planeFailed));
  byId('contours').addEventListener('change', () => drawPlane().catch(planeFailed));
}

/** Colours of a background: energies as the points, densities from the ground of the plot to the colour of the page. */
function backgroundScale(layer) {
  if (layer.name !== 'density') {
    const range = energyColours.max !== undefined && layer.unit === 'eV' ? [energyColours.min, energyColours.max] : layer.range;
    return { range: range, scale: limap.plainScale() };
  }
  const probe = getComputedStyle(byId('probe'));
  return { range: [0, layer.range[1]], scale: [[0, probe.backgroundColor], [1, probe.color]] };
}

/** Fill a square picture line by line; paint(x, y, line, place) gives four numbers, or null for nothing. */
function picture(xRange, yRange, paint) {
  const canvas = element('canvas', { width: PICTURE, height: PICTURE });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const image = context.createImageData(PICTURE, PICTURE);
  for (let line = 0; line < PICTURE; line += 1) {
    // The first line of a picture is its top, the first row of the grid its bottom.
    const y = yRange[0] + ((PICTURE - 1 - line) / (PICTURE - 1)) * (yRange[1] - yRange[0]);
    for (let place = 0; place < PICTURE; place += 1) {
      const x = xRange[0] + (place / (PICTURE - 1)) * (xRange[1] - xRange[0]);
      const painted = paint(x, y, line, place);
      if (painted !== null) {
        image.data.set(painted, 4 * (line * PICTURE + place));
      }
    }
  }
  context.putImageData(image, 0, 0);
  return {
    source: canvas.toDataURL('image/png'), xref: 'x', yref: 'y', sizing: 'stretch', layer: 'below',
    x: xRange[0], y: yRange[1], sizex: xRange[1] - xRange[0], sizey: yRange[1] - yRange[0],
  };
}

async function heatPicture(layer) {
  const values = await unpack(layer.values);
  const { range, scale } = backgroundScale(layer);
  const colours = Array.from({ length: 256 }, (_, step) => [...mixed(scale, step / 255), 255]);
  const at = (place) => values.at(place);
  const [xRange, yRange] = [data.plane.x, data.plane.y];
  return picture(xRange, yRange, (x, y) => {
    const found = onPlane(at, values.shape, xRange, yRange, x, y);
    const share = (found - range[0]) / (range[1] - range[0]);
    return Number.isNaN(share) ? null : colours[Math.round(255 * Math.min(1, Math.max(0, share)))];
  });
}

/** From 0, no training data near, to 1; NaN where the page does not know. */
function supportAt(x, y) {
  const support = data.support;
  if (!support) {
    return NaN;
  }
  const rows = support.values;
  const columns = rows[0].length;
  const at = (place) => rows[Math.floor(place / columns)][place % columns];
  return onPlane(at, [rows.length, columns], support.x, support.y, x, y);
}

/** Grey with hatches where there is no training data near; a background shows through, faintly. */
function hatchPicture(over) {
  const dark = limap.theme === 'dark';
  const [line, ground] = dark ? [88, 48] : [190, 234];
  const cover = over ? 205 : 255;
  return picture(data.support.x, data.support.y, (x, y, row, place) => {
    if (supportAt(x, y) >= data.support.known) {
      return null;
    }
    const shade = (row + place) % 10 < 1 ? line : ground;
    return [shade, shade, shade, cover];
  });
}

function contourShapes(layer) {
  // Dark lines on colours, in both themes; light ones on a dark ground.
  const colour = limap.theme === 'dark' && !(layer && layer.name === 'predicted') ? '#c8d4e4' : '#222c3a';
  const levels = data.plane.contours;
  return levels.flatMap((contour, place) => contour.lines.map((line) => ({
    type: 'path', xref: 'x', yref: 'y', layer: 'between', path: 'M' + line.map(([x, y]) => x + ',' + y).join('L'),
    line: { color: colour, width: 0.8 + (0.9 * (place + 1)) / levels.length }, opacity: 0.75,
  })));
}

/** Whether the axes of the plot are those of the plane: other axes are another plane. */
function axesFit() {
  const layout = plotOf()._fullLayout;
  const title = (axis) => (axis && axis.title && (axis.title.text || axis.title)) || '';
  return [layout.xaxis, layout.yaxis].every((axis, index) => title(axis) === codeAxes[index]) && !limap.viewer.map._is3D();
}

let planeTurn = 0;

/** Draw what is chosen; a later choice overtakes an earlier one that is still being unpacked. */
async function drawPlane() {
  planeTurn += 1;
  const turn = planeTurn;
  const fits = axesFit();
  const layer = layerOf(byId('background').value);
  const images = [];
  if (fits && layer !== undefined) {
    images.push(await heatPicture(layer));
  }
  if (fits && data.support) {
    // The plot takes two pictures of exactly the same size for one.
    const hatches = hatchPicture(layer !== undefined);
    images.push({ ...hatches, sizex: hatches.sizex * (1 + 1e-9) });
  }
  if (turn !== planeTurn) {
    return;
  }
  const shapes = fits && data.plane && byId('contours').checked ? contourShapes(layer) : [];
  limap.shaded = fits && images.length > 0;
  limap.background = fits && layer !== undefined ? layer.name : '';
  limap.viewer.map._relayout({ images: images, shapes: shapes });
  fillBackgroundKey(fits ? layer : undefined);
}

function planeFailed(error) {
  showMessage('The background could not be drawn: ' + error.message + '.');
}

function fillBackgroundKey(layer) {
  byId('background-key').hidden = layer === undefined;
  if (layer === undefined) {
    return;
  }
  const { range, scale } = backgroundScale(layer);
  const bar = element('i', { class: 'ramp' });
  bar.style.background = 'linear-gradient(to right, ' + [0, 1, 2, 3, 4, 5, 6, 7, 8].map((step) => 'rgb(' + mixed(scale, step / 8).join(',') + ')').join(', ') + ')';
  byId('background-key').replaceChildren(
    'Background: ' + layer.label.charAt(0).toLowerCase() + layer.label.slice(1), element('span', {}, short(range[0])), bar,
    element('span', {}, short(range[1]) + (layer.unit ? '\u00a0' + layer.unit : '')));
}

/** Start the backgrounds, and take them away while the axes are others. */
function attachPlane() {
  fillBackgrounds();
  let fitted = null;
  plotOf().on('plotly_afterplot', () => {
    const fits = axesFit();
    if (fits !== fitted) {
      fitted = fits;
      // Not within this event: the plot may be about to find new ranges for its new axes.
      setTimeout(() => drawPlane().catch(planeFailed), 100);
    }
    showCross();
  });
  fitted = axesFit();
  return drawPlane().catch(planeFailed);
}
