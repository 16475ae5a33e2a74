// The table of compounds: what is listed, and in which order.

const CLUSTER_COLUMN = { name: 'cluster', label: 'Cluster', unit: '', kind: 'number', description: 'by the method chosen above' };
const listedColumns = () => [...data.columns.filter((column) => ['id', 'formula'].includes(column.name)), ...(method() ? [{ ...CLUSTER_COLUMN, values: method().labels }] : []), ...data.columns.filter((column) => !['id', 'formula'].includes(column.name) && !column.aside)];
const searched = Array.from({ length: data.size }, (_, row) =>
  data.columns.filter((column) => column.kind !== 'number').map((column) => column.values[row] || '').join(' ').toLowerCase());

function matches(row) {
  const cluster = clusterOf(row);
  if (state.hidden.has(isNone(cluster) ? -1 : cluster)) {
    return false;
  }
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

function cell(column, row) {
  const value = column.values[row];
  if (column.name === 'formula') {
    const button = element('button', { type: 'button' }, ...formulaNodes(value || valueOf('id', row)));
    button.addEventListener('click', () => choose(row));
    return element('td', {}, button);
  }
  if (column.name === 'cluster') {
    return element('td', { class: 'number' }, element('span', { class: 'dot ' + clusterClass(value), 'aria-hidden': 'true' }), isNone(value) ? 'none' : String(value));
  }
  if (column.name === 'conductor') {
    return element('td', { class: 'number' }, value === null ? '' : value ? 'yes' : 'no');
  }
  return element('td', column.kind === 'number' ? { class: 'number' } : {}, column.kind === 'number' ? numberText(value) : value || '');
}

function drawTable() {
  const columns = listedColumns();
  const heads = columns.map((column) => {
    const button = element('button', { type: 'button', title: column.description || column.label }, headText(column));
    button.addEventListener('click', () => {
      [state.column, state.descending] = [column.name, state.column === column.name ? !state.descending : column.kind === 'number' && column.name !== 'cluster' && column.name !== 'candidate_rank'];
      update();
      byId('listing').querySelector('th[aria-sort] button').focus();
    });
    const sorted = state.column === column.name ? { 'aria-sort': state.descending ? 'descending' : 'ascending' } : {};
    return element('th', column.kind === 'number' ? { class: 'number', ...sorted } : sorted, button);
  });
  const body = element('tbody', {});
  for (const row of state.rows.slice(0, state.shown)) {
    body.append(element('tr', { 'data-row': row, 'aria-selected': row === state.chosen ? 'true' : 'false' }, ...columns.map((column) => cell(column, row))));
  }
  byId('listing').querySelector('table').replaceChildren(element('thead', {}, element('tr', {}, ...heads)), body);
  const left = state.rows.length - state.shown;
  byId('more').hidden = left <= 0;
  byId('more').textContent = 'Show ' + Math.min(left, PAGE) + ' more';
  byId('count').textContent = state.rows.length === data.size ? data.size.toLocaleString('en') + ' compounds' : state.rows.length.toLocaleString('en') + ' of ' + data.size.toLocaleString('en') + ' compounds';
}

/** The listed compounds as text, as a spreadsheet reads it. */
function csvText() {
  const quoted = (value) => (/[",\n]/.test(value) ? '"' + value.replaceAll('"', '""') + '"' : value);
  const clusters = data.methods.map((entry) => ({ name: 'cluster_' + entry.name, values: entry.labels }));
  const columns = [...data.columns, ...clusters];
  const lines = [columns.map((column) => quoted(column.name))];
  for (const row of state.rows) {
    lines.push(columns.map((column) => (column.values[row] === null ? '' : quoted(String(column.values[row])))));
  }
  return lines.map((entries) => entries.join(',')).join('\n') + '\n';
}
