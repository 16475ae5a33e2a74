// Choices, filters, light and dark, and the start.

const THEME_KEY = 'limap-theme';
const systemDark = window.matchMedia('(prefers-color-scheme: dark)');

function update() {
  state.shown = PAGE;
  state.rows = Array.from({ length: data.size }, (_, row) => row).filter(matches);
  const column = listedColumns().find((entry) => entry.name === state.column);
  if (column) {
    state.rows.sort((first, second) => compare(column, first, second));
  }
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

function addRange(column) {
  const known = column.values.filter((value) => value !== null);
  const [least, most] = [known.reduce((a, b) => Math.min(a, b), Infinity), known.reduce((a, b) => Math.max(a, b), -Infinity)];
  if (!(least < most)) {
    return;
  }
  const ends = [least, most].map((value, place) =>
    element('input', { type: 'number', step: 'any', placeholder: numberText(value), 'aria-label': headText(column) + (place === 0 ? ', at least' : ', at most') }));
  const changed = () => {
    const limits = ends.map((node) => (node.value === '' || Number.isNaN(node.valueAsNumber) ? null : node.valueAsNumber));
    state.ranges[limits.every((limit) => limit === null) ? 'delete' : 'set'](column, limits);
    update();
  };
  ends.forEach((node) => node.addEventListener('input', changed));
  byId('narrow').append(element('div', { class: 'range' }, element('span', {}, headText(column)), element('span', {}, ends[0], '\u2013', ends[1])));
}

function reset() {
  state.hidden.clear();
  state.ranges.clear();
  state.text = '';
  byId('narrow').querySelectorAll('input').forEach((node) => { node.value = ''; });
  drawLegend();
  update();
}

function save() {
  const address = URL.createObjectURL(new Blob([csvText()], { type: 'text/csv' }));
  element('a', { href: address, download: 'compounds.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
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
  byId('search').addEventListener('input', () => {
    state.text = byId('search').value.trim().toLowerCase();
    update();
  });
  data.columns.filter((column) => data.ranges.includes(column.name)).forEach(addRange);
  const [clear, download] = [element('button', { type: 'button', id: 'clear' }, 'All compounds'), element('button', { type: 'button', id: 'save' }, 'Save these as CSV')];
  clear.addEventListener('click', reset);
  download.addEventListener('click', save);
  byId('narrow').append(clear, download);
  byId('more').addEventListener('click', () => {
    state.shown += PAGE;
    drawTable();
  });
  byId('plane-plot').addEventListener('click', (event) => {
    const mark = event.target.closest('[data-row]');
    if (mark !== null) {
      choose(Number(mark.dataset.row));
    }
  });
}

/** As the system says, until the button says otherwise; remembered while the tab is open. */
function attachTheme() {
  const root = document.documentElement;
  const stored = () => {
    try {
      return sessionStorage.getItem(THEME_KEY);
    } catch (error) {
      // Browsers may refuse storage to a file; the choice then lasts until the page is left.
      return null;
    }
  };
  const dress = (theme) => {
    root.dataset.theme = theme;
    byId('theme').textContent = theme === 'dark' ? 'Light' : 'Dark';
    byId('theme').setAttribute('aria-label', 'Switch to ' + (theme === 'dark' ? 'light' : 'dark') + ' colours');
  };
  dress(stored() || (systemDark.matches ? 'dark' : 'light'));
  systemDark.addEventListener('change', () => dress(stored() || (systemDark.matches ? 'dark' : 'light')));
  byId('theme').hidden = false;
  byId('theme').addEventListener('click', () => {
    dress(root.dataset.theme === 'dark' ? 'light' : 'dark');
    try {
      sessionStorage.setItem(THEME_KEY, root.dataset.theme);
    } catch (error) {
      byId('theme').title = 'This browser does not remember the choice.';
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
