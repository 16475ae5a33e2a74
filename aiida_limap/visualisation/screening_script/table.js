// The table of hits: what is listed, in which order, and the details of one.

const PAGE = 50;
/** Columns of words with at most this many different ones can be chosen from a list. */
const MOST_WORDS = 14;
const state = { column: null, descending: true, shown: PAGE, text: '', elements: new Map(), words: new Map(), ranges: new Map(), open: new Set(), rows: [] };

/** Decimals with which all numbers of a column have about four digits; null where they differ too much for that. */
function decimals(column) {
  const sizes = column.values.filter((value) => value !== null && value !== 0).map(Math.abs);
  const [least, most] = [sizes.reduce((a, b) => Math.min(a, b), Infinity), sizes.reduce((a, b) => Math.max(a, b), 0)];
  if (sizes.length === 0 || column.values.every((value) => Number.isInteger(value))) {
    return sizes.length === 0 || most < 1e9 ? 0 : null;
  }
  const number = Math.min(Math.max(3 - Math.floor(Math.log10(most)), 0), 4);
  return most >= 1e6 || least < 0.5 * 10 ** -number ? null : number;
}

function numberText(value, digits = null) {
  if (value === null) {
    return '';
  }
  if (digits !== null) {
    return value.toFixed(digits).replace('-', '\u2212');
  }
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 1e6 || size < 1e-4) ? value.toPrecision(4) : String(Number(value.toPrecision(4)));
  return text.replace('-', '\u2212');
}

function valueText(column, row) {
  const value = column.values[row];
  return column.kind === 'number' ? numberText(value, column.digits) : value === null ? '' : value;
}

function matches(row) {
  const own = data.elements[row];
  for (const [symbol, wanted] of state.elements) {
    if (own.includes(symbol) !== (wanted === 'with')) {
      return false;
    }
  }
  for (const [column, word] of state.words) {
    if (column.values[row] !== word) {
      return false;
    }
  }
  return isWithin(row);
}

for (const column of data.columns) {
  column.digits = column.kind === 'number' ? decimals(column) : null;
}

function detailRow(row, width) {
  const list = element('dl', {});
  for (const column of data.columns) {
    const text = valueText(column, row);
    if (text === '') {
      continue;
    }
    const value = column.kind === 'node' ? element('code', {}, 'verdi node show ' + text) : text + (column.unit ? '\u00a0' + column.unit : '');
    const name = element('dt', column.description ? { title: column.description } : {}, column.label);
    list.append(element('div', {}, name, element('dd', {}, value)));
  }
  return element('tr', { class: 'detail' }, element('td', { colspan: width }, list));
}

function cell(column, row, largest) {
  const text = valueText(column, row);
  if (column.name === 'formula') {
    const button = element('button', { type: 'button', class: 'formula', 'aria-expanded': state.open.has(row) }, ...formulaNodes(text));
    button.addEventListener('click', () => {
      state.open[state.open.has(row) ? 'delete' : 'add'](row);
      draw();
      byId('hits').querySelector('[data-row="' + row + '"] .formula').focus();
    });
    return element('td', {}, button);
  }
  if (/(^|_)formula$/.test(column.name)) {
    return element('td', {}, ...formulaNodes(text));
  }
  const node = element('td', column.kind === 'number' ? { class: 'number' } : {}, text);
  if (column.name === 'score' && largest > 0 && column.values[row] > 0) {
    const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
    bar.style.width = (60 * column.values[row]) / largest + 'px';
    node.prepend(bar);
  }
  return node;
}

function draw() {
  const table = byId('hits').querySelector('table');
  const columns = data.columns.filter((column) => !column.aside);
  const head = headRow(columns, byId('hits'), (column) => column.description, (column) => column.kind === 'number');
  const score = data.columns.find((column) => column.name === 'score');
  const largest = score.values.reduce((most, value) => Math.max(most, value === null ? 0 : value), 0);
  const body = element('tbody', {});
  for (const row of state.rows.slice(0, state.shown)) {
    body.append(element('tr', { 'data-row': row }, ...columns.map((column) => cell(column, row, largest))));
    if (state.open.has(row)) {
      body.append(detailRow(row, columns.length));
    }
  }
  table.replaceChildren(head, body);
  tellCount(byId('hit-count'), byId('hit-more'), 'hits');
}
