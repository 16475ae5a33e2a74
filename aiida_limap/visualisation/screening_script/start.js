// Filters beside the elements, light and dark, and the start.

const THEME_KEY = 'limap-theme';
const systemDark = window.matchMedia('(prefers-color-scheme: dark)');

function update() {
  state.shown = PAGE;
  state.rows = data.elements.map((_, row) => row).filter(matches);
  if (state.column !== null) {
    state.rows.sort((first, second) => compare(state.column, first, second));
  }
  draw();
  colourElements();
}

function addChoice(column) {
  const words = [...new Set(column.values.filter((value) => value !== null))].sort();
  if (words.length < 2 || words.length > MOST_WORDS) {
    return;
  }
  const select = element('select', {}, element('option', { value: '' }, 'all'), ...words.map((word) => element('option', { value: word }, word)));
  select.addEventListener('change', () => {
    state.words[select.value === '' ? 'delete' : 'set'](column, select.value);
    update();
  });
  byId('filters').append(element('label', {}, column.label, select));
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
  byId('filters').append(element('div', { class: 'range' }, element('span', {}, headText(column)), element('span', {}, ends[0], '\u2013', ends[1])));
}

function reset() {
  state.elements.clear();
  state.words.clear();
  state.ranges.clear();
  state.text = '';
  byId('filters').querySelectorAll('input').forEach((node) => { node.value = ''; });
  byId('filters').querySelectorAll('select').forEach((node) => { node.selectedIndex = 0; });
  update();
}

function save() {
  const address = URL.createObjectURL(new Blob([csvText()], { type: 'text/csv' }));
  element('a', { href: address, download: 'hits.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function attachFilters() {
  byId('search').addEventListener('input', () => {
    state.text = byId('search').value.trim().toLowerCase();
    update();
  });
  const shown = data.columns.filter((column) => column.name !== 'formula' && column.kind !== 'node');
  shown.filter((column) => column.kind === 'word').forEach(addChoice);
  shown.filter((column) => column.kind === 'number').forEach(addRange);
  const [clear, download] = [element('button', { type: 'button', id: 'clear' }, 'All hits'), element('button', { type: 'button', id: 'save' }, 'Save these as CSV')];
  clear.addEventListener('click', reset);
  download.addEventListener('click', save);
  byId('filters').append(element('div', { class: 'actions' }, clear, download));
  byId('hit-more').addEventListener('click', () => {
    state.shown += PAGE;
    draw();
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
if (data.elements.length > 0) {
  attachFilters();
  attachElements();
  update();
  byId('explore').hidden = false;
}
