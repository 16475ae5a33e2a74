// Choices, filters, and the start.

function update() {
  listRows(listedColumns(), matches);
  drawTable();
  drawPlane();
}

function drawLegend() {
  if (!method()) {
    return;
  }
  const counts = new Map();
  for (const label of method().labels) {
    const cluster = isNone(label) ? -1 : label;
    counts.set(cluster, (counts.get(cluster) || 0) + 1);
  }
  byId('legend').replaceChildren(...[...counts.keys()].sort((a, b) => (a < 0 ? 1 : b < 0 ? -1 : a - b)).map((cluster) => {
    const sign = shape('svg', { viewBox: '-7 -7 14 14', 'aria-hidden': 'true' }, shape('path', { class: 'mark ' + clusterClass(cluster) + (cluster < 0 ? ' cross' : ''), d: signOf(cluster) }));
    const button = element('button', { type: 'button', 'aria-pressed': state.hidden.has(cluster) ? 'false' : 'true', title: 'Show or hide' }, sign, (cluster < 0 ? 'in none' : 'cluster ' + cluster) + ': ' + counts.get(cluster));
    button.addEventListener('click', () => {
      state.hidden[state.hidden.has(cluster) ? 'delete' : 'add'](cluster);
      button.setAttribute('aria-pressed', state.hidden.has(cluster) ? 'false' : 'true');
      update();
    });
    return button;
  }));
}

function fill(select, entries, chosen, changed) {
  select.replaceChildren(...entries.map(([value, text]) => element('option', { value }, text)));
  select.value = chosen;
  select.addEventListener('change', () => changed(select.value));
}

function reset() {
  state.hidden.clear();
  clearFields(byId('narrow'));
  drawLegend();
  update();
}

function attach() {
  [state.x, state.y] = data.start;
  const axes = data.axes.map((axis) => [axis.name, headText(axis)]);
  for (const side of ['x', 'y']) {
    fill(byId('axis-' + side), axes, state[side], (name) => {
      state[side] = name;
      drawPlane();
    });
  }
  fill(byId('method'), data.methods.map((entry, place) => [String(place), entry.label]), '0', (place) => {
    state.method = Number(place);
    state.hidden.clear();
    drawLegend();
    drawCompound();
    update();
  });
  byId('method').disabled = data.methods.length < 2;
  data.columns.filter((column) => data.ranges.includes(column.name)).forEach((column) => addRange(column, byId('narrow')));
  byId('narrow').append(...attachListing(byId('more'), drawTable, 'compounds', reset, savedColumns));
  byId('plane-plot').addEventListener('click', (event) => {
    const mark = event.target.closest('[data-row]');
    if (mark !== null) {
      choose(Number(mark.dataset.row));
    }
  });
}

attachTheme();
if (data.size > 0 && data.axes.length > 1) {
  attach();
  state.chosen = 0;
  drawLegend();
  update();
  drawCompound();
  if (byId('static') !== null) {
    byId('static').hidden = true;
  }
  for (const name of ['explore', 'narrow']) {
    byId(name).hidden = false;
  }
}
