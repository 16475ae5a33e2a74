// The panel of the selected point, its provenance, and the key of its structure.

/** Properties with a place of their own in the panel; the others are listed in its tables. */
const PLACED = [
  'formula', 'family', 'origin', 'status', 'status_message', 'migration_energy_eV', 'migration_energy_predicted_eV',
  'grid_error_eV', 'migration_energy_wide_eV', 'migration_energy_low_eV', 'migration_energy_high_eV', 'in_domain',
  'domain_reason', 'is_new',
];

function sourceParts(index) {
  const source = points.source[index] || {};
  const lines = [];
  const known = new Set(['db_name', 'id', 'uri', 'license']);
  const id = source.id || source.uri;
  if (id) {
    const line = element('p', { class: 'origin', id: 'source' });
    line.append(source.db_name ? source.db_name + ': ' : '', webLink(source.uri || '', id));
    line.append(source.license ? ' (' + source.license + ')' : '');
    lines.push(line);
  }
  for (const [key, text] of Object.entries(source)) {
    if (known.has(key) || (key.endsWith('_uri') && key.slice(0, -4) in source) || text === '' || text === null) {
      continue;
    }
    const uri = key.endsWith('uri') ? text : source[key + '_uri'] || '';
    lines.push(element('p', { class: 'origin' }, words(key) + ': ', webLink(uri, String(text))));
  }
  return lines;
}

/** The interval of the prediction in words, null where there is none. */
function interval(index) {
  const low = value('migration_energy_low_eV', index);
  const high = value('migration_energy_high_eV', index);
  if (low === null && high === null) {
    return null;
  }
  const share = data.level === null ? '' : ' (' + Math.round(100 * data.level) + '\u00a0%)';
  const ends = high === null
    ? 'from ' + withUnit('migration_energy_low_eV', index)
    : (low === null ? 'up to ' : number(low) + ' to ') + withUnit('migration_energy_high_eV', index);
  return 'Interval' + share + ': ' + ends;
}

function energyBox(index) {
  const box = element('div', { class: 'energy' });
  const energy = value('migration_energy_eV', index);
  const error = value('grid_error_eV', index);
  const predicted = value('migration_energy_predicted_eV', index);
  if (property.migration_energy_eV !== undefined) {
    box.append(
      element('div', { class: 'what', title: property.migration_energy_eV.description }, 'Migration energy, calculated'),
      element('div', { class: 'value', id: 'energy' }, energy === null ? 'none' : withUnit('migration_energy_eV', index)),
    );
  }
  if (energy !== null && error !== null) {
    box.append(
      element('div', { class: 'what', title: property.grid_error_eV.description }, 'Grid error ' + withUnit('grid_error_eV', index)),
    );
  }
  if (predicted !== null) {
    box.append(element('div', {}, 'Predicted from the codes: ' + withUnit('migration_energy_predicted_eV', index)));
  }
  if (value('migration_energy_wide_eV', index) !== null) {
    box.append(element('div', { title: property.migration_energy_wide_eV.description }, 'Predicted from all descriptors: ' + withUnit('migration_energy_wide_eV', index)));
  }
  const ends = interval(index);
  if (ends !== null) {
    box.append(element('div', { id: 'interval' }, ends));
  }
  if (value('in_domain', index) === 0) {
    const reason = value('domain_reason', index);
    box.append(element('p', { class: 'status warning', id: 'domain' }, element('b', {}, 'Outside of what the model knows'), reason ? ': ' + reason + '.' : '.'));
  }
  const status = value('status', index);
  if (status !== null) {
    const meaning = Object.hasOwn(data.meanings, status) ? ': ' + data.meanings[status] : '';
    const message = value('status_message', index);
    box.append(element('p', { class: 'status', id: 'status' }, element('b', {}, status), meaning + (message ? '. ' + message : '')));
  }
  return box.childNodes.length > 0 ? box : null;
}

function propertyTable(index) {
  const body = element('tbody');
  for (const entry of data.properties) {
    if (PLACED.includes(entry.name)) {
      continue;
    }
    const given = entry.values[index];
    const cell = element('td', {}, given === null ? '\u2013' : number(given));
    if (given !== null && entry.unit) {
      cell.append(element('span', { class: 'unit' }, '\u00a0' + entry.unit));
    }
    body.append(element('tr', {}, element('th', { scope: 'row', title: entry.description }, entry.label), cell));
  }
  return element('table', { id: 'values' }, body);
}

function nodeEntry(role, id, command) {
  return element(
    'div', { class: 'node' },
    element(
      'div', { class: 'head' },
      element('span', {}, words(role)),
      copyButton(id, 'Copy id', 'Copy the id of ' + words(role)),
      command ? copyButton(command, 'Copy command', 'Copy the command that shows ' + words(role)) : null,
    ),
    element('code', {}, command || id),
  );
}

function provenance(index) {
  const nodes = [nodeEntry('point', points.id[index], 'aiida-limap point show ' + quoted(points.id[index]))];
  for (const [role, id] of Object.entries(points.provenance[index] || {})) {
    nodes.push(nodeEntry(role, String(id), UUID.test(id) ? 'verdi node show ' + id : null));
  }
  return nodes;
}

/** Colours of the elements as the viewer draws them, and the size of the cell. */
async function fillKey(index) {
  const structure = await structureOf(index);
  if (limap.selected !== index) {
    return;
  }
  const colours = (window.$3Dmol && window.$3Dmol.elementColors && window.$3Dmol.elementColors.Jmol) || {};
  const parts = [...new Set(structure.names)].map((name) => {
    const dot = element('i');
    if (Number.isInteger(colours[name])) {
      dot.style.background = '#' + colours[name].toString(16).padStart(6, '0');
    }
    return element('span', {}, dot, name);
  });
  const lengths = [0, 3, 6].map((start) => Math.hypot(...structure.cell.slice(start, start + 3)).toFixed(2));
  parts.push(element('span', {}, structure.size + ' sites, cell ' + lengths.join(' \u00d7 ') + '\u00a0\u00c5'));
  byId('key').replaceChildren(...parts);
}

/** The structure of a point as the viewer takes it; on large maps it is unpacked first. */
async function structureOf(index) {
  const given = data.dataset.structures[index];
  return data.structures_packed ? unpackStructure(given, data.structures_packed.elements) : given;
}

function showPanel(index) {
  if (index === limap.selected) {
    return;
  }
  limap.selected = index;
  const kind = [value('family', index), value('origin', index)].filter((word) => word !== null).join(', ');
  const x = value('x_comp', index);
  const y = value('x_struc', index);
  byId('panel').replaceChildren(
    ...[
      element('h2', { id: 'formula', 'aria-live': 'polite' }, formula(points.formula[index])),
      kind ? element('p', { class: 'origin', id: 'kind' }, kind) : null,
      value('is_new', index) === 1
        ? element('p', { class: 'status', id: 'new', title: property.is_new.description }, element('b', {}, 'New on this map'))
        : null,
      ...sourceParts(index),
      energyBox(index),
      x === null || y === null
        ? element('p', { class: 'status' }, 'This structure has no codes: the map does not draw it.')
        : null,
      points.disordered[index]
        ? element('p', { class: 'status' }, 'Some sites are mixed or partly empty: the picture shows the main element of each.')
        : null,
      profileSection(index),
      element('h3', {}, 'Properties'),
      propertyTable(index),
      ...descriptorSections(index, [x, y]),
    ].filter((part) => part !== null),
  );
  byId('provenance').replaceChildren(...provenance(index));
  fillKey(index).catch((error) => byId('key').replaceChildren('The structure could not be unpacked: ' + error.message + '.'));
  byId('panel').scrollTop = 0;
  byId('step').textContent = (index + 1) + ' of ' + count;
}
