// Filters beside the elements, and the start.

function update() {
  listRows(data.columns, matches);
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

function reset() {
  state.elements.clear();
  state.words.clear();
  clearFields(byId('filters'));
  byId('filters').querySelectorAll('select').forEach((node) => { node.selectedIndex = 0; });
  update();
}

function attachFilters() {
  const shown = data.columns.filter((column) => column.name !== 'formula' && column.kind !== 'node');
  shown.filter((column) => column.kind === 'word').forEach(addChoice);
  shown.filter((column) => column.kind === 'number').forEach((column) => addRange(column, byId('filters')));
  byId('filters').append(element('div', { class: 'actions' }, ...attachListing(byId('hit-more'), draw, 'hits', reset, () => data.columns)));
}

attachTheme();
if (data.elements.length > 0) {
  attachFilters();
  attachElements();
  update();
  byId('explore').hidden = false;
}
