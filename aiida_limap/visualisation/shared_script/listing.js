// A table that a reader sorts and narrows down. Each page has its own state: column, descending, shown, text, ranges,
// rows; and the function update, which lists the rows that match.

const data = JSON.parse(byId('data').textContent);
/** What a search looks at: every word of a row, in lower case. */
const searched = Array.from({ length: data.columns.length > 0 ? data.columns[0].values.length : 0 }, (_, row) =>
  data.columns.filter((column) => column.kind !== 'number').map((column) => column.values[row] || '').join(' ').toLowerCase());

/** A formula with its amounts as subscripts. */
function formulaNodes(formula) {
  return (formula || '').split(/(\d+(?:\.\d+)?)/).filter((part) => part !== '').map((part) => (/^\d/.test(part) ? element('sub', {}, part) : part));
}

function headText(column) {
  return column.unit ? column.label + ' / ' + column.unit : column.label;
}

/** Whether the numbers of a row lie within all fields, and its words hold all that is searched. */
function isWithin(row) {
  for (const [column, [low, high]] of state.ranges) {
    const value = column.values[row];
    if (value === null || (low !== null && value < low) || (high !== null && value > high)) {
      return false;
    }
  }
  return state.text.split(/\s+/).every((word) => word === '' || searched[row].includes(word));
}

function compare(column, first, second) {
  const [one, other] = [column.values[first], column.values[second]];
  // What is missing comes last in either order.
  if (one === null || other === null) {
    return one === other ? first - second : one === null ? 1 : -1;
  }
  const order = column.kind === 'number' ? one - other : one < other ? -1 : one > other ? 1 : 0;
  return order === 0 ? first - second : state.descending ? -order : order;
}

/** The rows that match, in the order of the chosen column. */
function listRows(columns, matches) {
  state.shown = PAGE;
  state.rows = searched.map((_, row) => row).filter(matches);
  const column = columns.find((entry) => entry.name === state.column);
  if (column) {
    state.rows.sort((first, second) => compare(column, first, second));
  }
}

/** Heads that sort by their column, and once more the other way round. */
function headRow(columns, box, titleOf, isLargestFirst) {
  const heads = columns.map((column) => {
    const title = titleOf(column);
    const button = element('button', title ? { type: 'button', title } : { type: 'button' }, headText(column));
    button.addEventListener('click', () => {
      [state.column, state.descending] = [column.name, state.column === column.name ? !state.descending : isLargestFirst(column)];
      update();
      box.querySelector('th[aria-sort] button').focus();
    });
    const sorted = state.column === column.name ? { 'aria-sort': state.descending ? 'descending' : 'ascending' } : {};
    return element('th', column.kind === 'number' ? { class: 'number', ...sorted } : sorted, button);
  });
  return element('thead', {}, element('tr', {}, ...heads));
}

/** How many rows are listed of how many, and the button that shows more of them. */
function tellCount(count, more, what) {
  const [listed, total] = [state.rows.length, searched.length];
  const left = listed - state.shown;
  more.hidden = left <= 0;
  more.textContent = 'Show ' + Math.min(left, PAGE) + ' more';
  count.textContent = (listed === total ? total.toLocaleString('en') : listed.toLocaleString('en') + ' of ' + total.toLocaleString('en')) + ' ' + what;
}

/** The listed rows as text, as a spreadsheet reads it. */
function csvText(columns) {
  const quoted = (value) => (/[",\n]/.test(value) ? '"' + value.replaceAll('"', '""') + '"' : value);
  const lines = [columns.map((column) => quoted(column.name))];
  for (const row of state.rows) {
    lines.push(columns.map((column) => (column.values[row] === null ? '' : quoted(String(column.values[row])))));
  }
  return lines.map((entries) => entries.join(',')).join('\n') + '\n';
}

/** Two fields for the least and the largest number of a column, unless all its numbers are the same. */
function addRange(column, box) {
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
  box.append(element('div', { class: 'range' }, element('span', {}, headText(column)), element('span', {}, ends[0], '\u2013', ends[1])));
}

function clearFields(box) {
  state.ranges.clear();
  state.text = '';
  box.querySelectorAll('input').forEach((node) => { node.value = ''; });
}

/** Search and further rows; returns the buttons that list everything again and that save what is listed. */
function attachListing(more, draw, what, reset, savedColumns) {
  byId('search').addEventListener('input', () => {
    state.text = byId('search').value.trim().toLowerCase();
    update();
  });
  more.addEventListener('click', () => {
    state.shown += PAGE;
    draw();
  });
  const clear = element('button', { type: 'button', id: 'clear' }, 'All ' + what);
  clear.addEventListener('click', reset);
  const save = element('button', { type: 'button', id: 'save' }, 'Save these as CSV');
  save.addEventListener('click', () => download(what + '.csv', csvText(savedColumns()), 'text/csv'));
  return [clear, save];
}
