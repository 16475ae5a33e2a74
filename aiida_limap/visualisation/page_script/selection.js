// Points chosen with a box or a lasso, and what one can do with them: look, save as CSV, take their UUIDs.

const LISTED = 100;

/** Whether a place lies inside of a closed line, by the parity of crossings. */
function inside(line, x, y) {
  let odd = false;
  for (let place = 0, before = line.x.length - 1; place < line.x.length; before = place, place += 1) {
    const [x1, y1, x0, y0] = [line.x[place], line.y[place], line.x[before], line.y[before]];
    if (y1 > y !== y0 > y && x < ((x0 - x1) * (y - y1)) / (y0 - y1) + x1) {
      odd = !odd;
    }
  }
  return odd;
}

/** Points within the drawn area that pass the filters; by their values, for not all of them need be drawn. */
function pointsWithin(event) {
  const map = limap.viewer.map;
  const [xs, ys] = [map._options.x, map._options.y].map((axis) => map._property(axis.property.value).values);
  const test = event.lassoPoints
    ? (x, y) => inside(event.lassoPoints, x, y)
    : (x, y) => x >= Math.min(...event.range.x) && x <= Math.max(...event.range.x) && y >= Math.min(...event.range.y) && y <= Math.max(...event.range.y);
  const found = [];
  for (let index = 0; index < count; index += 1) {
    if ((limap.mask === null || limap.mask[index] === 1) && test(xs[index], ys[index])) {
      found.push(index);
    }
  }
  return found;
}

/** Choose these points; none clears the choice. */
function choosePoints(indexes) {
  limap.chosen = indexes;
  if (limap.viewer !== null && plotOf() !== null) {
    const sample = limap.viewer.map._lodIndices;
    const marked = new Set(indexes);
    const drawn = sample ? sample.map((index, place) => (marked.has(index) ? place : -1)).filter((place) => place >= 0) : indexes;
    if (indexes.length === 0) {
      // First the outlines: they would choose again.
      limap.viewer.map._relayout({ selections: [] });
    }
    limap.viewer.map._restyle({ selectedpoints: [indexes.length > 0 ? drawn : null] }, [0]);
  }
  fillSelection();
}

/** What the buttons act on: the chosen points, else those that pass the filters. */
function exported() {
  if (limap.chosen.length > 0) {
    return limap.chosen;
  }
  return Array.from({ length: count }, (_, index) => index).filter((index) => limap.mask === null || limap.mask[index] === 1);
}

/** One cell of a CSV file. A text that a spreadsheet would compute gets a quote in front, and so stays a text. */
function csvCell(given) {
  if (given === null || given === undefined || Number.isNaN(given)) {
    return '';
  }
  if (typeof given === 'number') {
    return String(given);
  }
  const text = /^[\s]*[=+\-@\t\r]/.test(String(given)) ? "'" + given : String(given);
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

/** A table of points with all their properties; units stand in the header. */
function csvOf(indexes) {
  const entries = data.properties.filter((entry) => entry.name !== 'formula');
  const header = ['uuid', 'formula', 'source', 'source id', 'source address',
    ...entries.map((entry) => entry.label + (entry.unit ? ' [' + entry.unit + ']' : ''))];
  const rows = indexes.map((index) => {
    const source = points.source[index] || {};
    return [points.id[index], points.formula[index], source.db_name, source.id, source.uri, ...entries.map((entry) => entry.values[index])];
  });
  // The mark at the start tells spreadsheets that the letters are UTF-8.
  return '\ufeff' + [header, ...rows].map((row) => row.map(csvCell).join(',')).join('\r\n') + '\r\n';
}

function uuidsOf(indexes) {
  return indexes.map((index) => points.id[index]).join('\n') + '\n';
}

limap.choose = choosePoints;

function fillSelection() {
  const indexes = exported();
  const some = limap.chosen.length > 0;
  byId('tab-selection').textContent = some ? 'Selection: ' + limap.chosen.length : 'Selection';
  byId('selection-count').textContent = some
    ? limap.chosen.length + (limap.chosen.length === 1 ? ' point is chosen.' : ' points are chosen.')
    : (limap.mask === null ? 'No point is chosen: the buttons take all ' + count + ' points.' : 'No point is chosen: the buttons take the ' + limap.shown + ' points that pass the filters.');
  byId('selection-clear').disabled = !some;
  for (const id of ['save-csv', 'save-uuids', 'copy-uuids']) {
    byId(id).disabled = indexes.length === 0;
  }
  const listed = limap.chosen.slice(0, LISTED).map((index) => [pointLabel(index), () => select(index, true)]);
  byId('selection-list').replaceChildren(
    ...(listed.length > 0 ? [buttonList(listed, 'Chosen points')] : []),
    ...(limap.chosen.length > LISTED ? [element('p', { class: 'note' }, 'The first ' + LISTED + ' of ' + limap.chosen.length + '; the files hold all.')] : []));
}

/** The tool that drags on the map stand for: zoom, box or lasso. */
function useTool(tool) {
  const chosen = limap.tool === tool ? 'zoom' : tool;
  limap.tool = chosen;
  for (const [id, name] of [['tool-box', 'select'], ['tool-lasso', 'lasso']]) {
    byId(id).setAttribute('aria-pressed', String(chosen === name));
  }
  limap.viewer.map._relayout({ dragmode: chosen });
}

function attachSelection() {
  byId('selection-clear').addEventListener('click', () => choosePoints([]));
  byId('save-csv').addEventListener('click', () => download('points.csv', csvOf(exported()), 'text/csv;charset=utf-8'));
  byId('save-uuids').addEventListener('click', () => download('uuids.txt', uuidsOf(exported()), 'text/plain;charset=utf-8'));
  const copy = copyButton(() => uuidsOf(exported()), 'Copy UUIDs', 'Copy the UUIDs');
  copy.id = 'copy-uuids';
  byId('copy-uuids').replaceWith(copy);
  fillSelection();
}

/** Listen to box and lasso; a drag with the shift key adds to what is chosen. */
function attachTools() {
  const plot = plotOf();
  let adds = false;
  window.addEventListener('mouseup', (event) => { adds = event.shiftKey; }, true);
  byId('tool-box').addEventListener('click', () => useTool('select'));
  byId('tool-lasso').addEventListener('click', () => useTool('lasso'));
  plot.on('plotly_selected', (event) => {
    if (!event || (!event.lassoPoints && !event.range)) {
      return;
    }
    const found = pointsWithin(event);
    choosePoints(adds ? [...new Set([...limap.chosen, ...found])].sort((a, b) => a - b) : found);
    openTab('selection');
    announce(byId('selection-count').textContent);
  });
  plot.on('plotly_relayout', (change) => {
    // The buttons of the plot itself change what a drag does, too.
    if (change.dragmode !== undefined && change.dragmode !== limap.tool) {
      limap.tool = change.dragmode;
      byId('tool-box').setAttribute('aria-pressed', String(change.dragmode === 'select'));
      byId('tool-lasso').setAttribute('aria-pressed', String(change.dragmode === 'lasso'));
    }
  });
}
