// One compound: its densities beside those of its cluster, and what is known of it.

function spanOf(kind, row) {
  const span = data.densities ? data.densities[kind][row] : null;
  if (span === null) {
    return null;
  }
  const values = new Array(data.densities.size).fill(0);
  span[1].forEach((value, place) => { values[span[0] + place] = value * data.densities.unit; });
  return values;
}

function line(values, across, up) {
  return values.map((value, place) => (place === 0 ? 'M' : 'L') + across(data.densities.first + place * data.densities.step).toFixed(1) + ' ' + up(value).toFixed(1)).join('');
}

function drawDensity(kind, box, label, title) {
  const own = spanOf(kind, state.chosen);
  const cluster = clusterOf(state.chosen);
  const band = isNone(cluster) ? null : method().bands[cluster][kind];
  const [low, high] = data.densities.shown;
  const top = [...(own || []), ...(band ? band.high : [])].reduce((most, value) => Math.max(most, value), 0.1) * 1.06;
  const x = { low, high, ticks: ticksBetween(low, high, 8).map((value) => [value, String(value).replace('-', '\u2212')]) };
  const y = { low: 0, high: top, ticks: ticksBetween(0, top, 4).map((value) => [value, String(value)]) };
  const { across, up, nodes } = frame(box, x, y, { x: title, y: null });
  const clip = 'clip-' + kind;
  const inside = shape('g', { 'clip-path': 'url(#' + clip + ')' });
  nodes.push(shape('clipPath', { id: clip }, shape('rect', { x: box.left, y: box.top, width: box.width, height: box.height })), inside);
  if (band) {
    const back = line([...band.low], across, up).slice(1).split('L').reverse().join('L');
    inside.append(shape('path', { class: 'band ' + clusterClass(cluster), d: line(band.high, across, up) + 'L' + back + 'Z' }));
    inside.append(shape('path', { class: 'mean ' + clusterClass(cluster), d: line(band.mean, across, up) }));
  }
  if (own) {
    inside.append(shape('path', { class: 'own', d: line(own, across, up) }));
    const centre = data.columns.find((column) => column.name === kind + '_band_centre_THz');
    if (centre && centre.values[state.chosen] !== null) {
      const place = across(centre.values[state.chosen]);
      inside.append(shape('line', { class: 'centre', x1: place, x2: place, y1: box.top, y2: box.top + box.height }));
    }
  }
  nodes.push(shape('text', { class: 'title', x: box.left + box.width - 8, y: box.top + 17, 'text-anchor': 'end' }, label));
  return nodes;
}

function drawCompound() {
  const row = state.chosen;
  const cluster = clusterOf(row);
  byId('compound').replaceChildren(element('b', {}, ...formulaNodes(valueOf('formula', row))), element('span', {}, valueOf('id', row)), element('span', { class: 'word ' + clusterClass(cluster) }, clusterText(cluster)));
  if (data.densities) {
    const boxes = [{ left: 52, top: 6, width: 480, height: 118, silent: true }, { left: 52, top: 134, width: 480, height: 118 }];
    byId('density-plot').replaceChildren(
      ...drawDensity('mobile', boxes[0], data.mobile, null), ...drawDensity('total', boxes[1], 'all atoms', 'Frequency / THz'),
      shape('text', { class: 'title', transform: 'translate(13 129) rotate(-90)', 'text-anchor': 'middle' }, 'Density per atom / (1/THz)'),
    );
    byId('density-key').textContent = 'Line: the compound, dotted its band centre' + (isNone(cluster) ? '.' : '; dashed: mean of ' + clusterText(cluster) + ', with the band from the ' + data.band[0] + 'th to the ' + data.band[1] + 'th percentile.');
  }
  const list = byId('known');
  list.replaceChildren();
  const told = (name, value, whole) => list.append(element('div', whole ? { class: 'whole' } : {}, element('dt', {}, name), element('dd', {}, value)));
  for (const column of data.columns.filter((entry) => entry.kind === 'number' && entry.values[row] !== null)) {
    told(column.label, (column.name === 'conductor' ? (column.values[row] ? 'yes' : 'no') : numberText(column.values[row])) + (column.unit ? '\u00a0' + column.unit : ''), false);
  }
  if (method() && method().silhouettes[row] !== null) {
    told('Silhouette', numberText(method().silhouettes[row]), false);
  }
  for (const column of data.columns.filter((entry) => entry.kind !== 'number' && !['id', 'formula'].includes(entry.name) && entry.values[row] !== null)) {
    told(column.label, column.kind === 'node' ? element('code', {}, 'verdi node show ' + column.values[row]) : column.values[row], true);
  }
}

function choose(row) {
  state.chosen = row;
  drawCompound();
  drawPlane();
  for (const node of byId('listing').querySelectorAll('tr[data-row]')) {
    node.setAttribute('aria-selected', Number(node.dataset.row) === row ? 'true' : 'false');
  }
}
