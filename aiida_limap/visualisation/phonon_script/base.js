// What all parts of the page share: state, shapes, numbers, clusters.

const PAGE = 100;
const CLUSTERS = 8;
const state = { method: 0, x: null, y: null, chosen: null, hidden: new Set(), column: null, descending: false, text: '', ranges: new Map(), rows: [], shown: PAGE };

function shape(tag, attributes, ...content) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    node.setAttribute(name, value);
  }
  node.append(...content);
  return node;
}

function numberText(value) {
  if (value === null) {
    return '';
  }
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 1e6 || size < 1e-3) ? value.toExponential(2) : Number.isInteger(value) ? String(value) : size >= 100 ? value.toFixed(1) : size >= 10 ? value.toFixed(2) : value.toFixed(3);
  return text.replace('-', '\u2212');
}

function valueOf(name, row) {
  return columnOf(name).values[row];
}

function columnOf(name) {
  return data.columns.find((column) => column.name === name);
}

const method = () => data.methods[state.method];
/** Number of the cluster of a compound; -1 in none, null where it was left out. */
const clusterOf = (row) => (method() ? method().labels[row] : null);
const isNone = (cluster) => cluster === null || cluster < 0;
const clusterClass = (cluster) => (isNone(cluster) ? 'none' : 'c' + (cluster % CLUSTERS));
const clusterText = (cluster) => (cluster === null ? 'not clustered' : cluster < 0 ? 'in no cluster' : 'cluster ' + cluster);
