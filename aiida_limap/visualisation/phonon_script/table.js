// The table of compounds: what is listed, and in which order.

const CLUSTER_COLUMN = { name: 'cluster', label: 'Cluster', unit: '', kind: 'number', description: 'by the method chosen above' };
const listedColumns = () => [...data.columns.filter((column) => ['id', 'formula'].includes(column.name)), ...(method() ? [{ ...CLUSTER_COLUMN, values: method().labels }] : []), ...data.columns.filter((column) => !['id', 'formula'].includes(column.name) && !column.aside)];

function matches(row) {
  const cluster = clusterOf(row);
  if (state.hidden.has(isNone(cluster) ? -1 : cluster)) {
    return false;
  }
  return isWithin(row);
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
  const head = headRow(columns, byId('listing'), (column) => column.description || column.label,
    (column) => column.kind === 'number' && column.name !== 'cluster' && column.name !== 'candidate_rank');
  const body = element('tbody', {});
  for (const row of state.rows.slice(0, state.shown)) {
    body.append(element('tr', { 'data-row': row, 'aria-selected': row === state.chosen ? 'true' : 'false' }, ...columns.map((column) => cell(column, row))));
  }
  byId('listing').querySelector('table').replaceChildren(head, body);
  tellCount(byId('count'), byId('more'), 'compounds');
}

/** What a saved table holds: all columns, and the clusters of every method. */
const savedColumns = () => [...data.columns, ...data.methods.map((entry) => ({ name: 'cluster_' + entry.name, values: entry.labels }))];
