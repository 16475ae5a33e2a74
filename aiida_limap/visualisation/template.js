'use strict';
(function () {
  const data = JSON.parse(document.getElementById('limap-data').textContent);
  const points = data.points;
  const count = points.id.length;
  const property = Object.fromEntries(data.properties.map((entry) => [entry.name, entry]));
  /** Properties with a place of their own in the panel; the others are listed in its tables. */
  const PLACED = [
    'formula', 'family', 'origin', 'status', 'status_message',
    'migration_energy_eV', 'migration_energy_predicted_eV', 'grid_error_eV', 'migration_energy_wide_eV',
    'migration_energy_low_eV', 'migration_energy_high_eV', 'in_domain', 'domain_reason', 'is_new',
  ];
  /** Within the plot: our own hover label, and letters that a room can read on a large screen. */
  const PLOT_STYLE = `
    .hoverlayer { display: none; }
    @media (min-width: 1700px) {
      .xtick text, .ytick text, .cbaxis text, .legendtext { font-size: 14px !important; }
      .g-xtitle text, .g-ytitle text, .cbtitle text { font-size: 16px !important; }
    }`;
  const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

  /** State for scripts and tests. */
  const limap = (window.limap = { ready: false, selected: -1, count: count, select: select, errors: [], viewer: null });
  const byId = (id) => document.getElementById(id);

  // ---- small helpers: all texts become text nodes, never markup

  function element(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  function value(name, index) {
    const entry = property[name];
    const found = entry === undefined ? null : entry.values[index];
    return found === undefined ? null : found;
  }

  function number(x) {
    if (typeof x !== 'number') {
      return String(x);
    }
    if (Number.isInteger(x)) {
      return String(x);
    }
    const size = Math.abs(x);
    const text = size >= 1e5 || size < 1e-4 ? x.toExponential(3) : size >= 100 ? x.toFixed(1) : x.toFixed(3);
    return text.replace('-', '\u2212');
  }

  function withUnit(name, index) {
    const entry = property[name];
    return number(entry.values[index]) + (entry.unit ? '\u00a0' + entry.unit : '');
  }

  /** Only links to the web: a source may come from anywhere. */
  function webLink(uri, text) {
    let url = null;
    try {
      url = new URL(uri);
    } catch (error) {
      return document.createTextNode(text);
    }
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      return document.createTextNode(text);
    }
    return element('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer' }, text);
  }

  /** Li7La3 with its numbers as subscripts. */
  function formula(text) {
    const node = element('span');
    for (const part of text.split(/([0-9.]+)/)) {
      if (part !== '') {
        node.append(/^[0-9.]+$/.test(part) ? element('sub', {}, part) : part);
      }
    }
    return node;
  }

  function words(key) {
    const text = key.replace(/_/g, ' ');
    return text.charAt(0).toUpperCase() + text.slice(1);
  }

  function quoted(text) {
    return /^[\w.:@%+=,/-]+$/.test(text) ? text : "'" + text.replace(/'/g, "'\\''") + "'";
  }

  function showMessage(text) {
    byId('message').textContent = text;
    byId('message').hidden = false;
  }

  function copyButton(text, caption, label) {
    const button = element('button', { type: 'button', 'aria-label': label, title: text }, caption);
    button.addEventListener('click', async () => {
      let done = true;
      try {
        await navigator.clipboard.writeText(text);
      } catch (error) {
        // Without permission for the clipboard: the older way, through a selected field.
        const field = element('textarea', { readonly: '', style: 'position:fixed;opacity:0' });
        field.value = text;
        document.body.append(field);
        field.select();
        done = document.execCommand('copy');
        field.remove();
      }
      button.textContent = done ? 'Copied' : 'Not copied';
      setTimeout(() => { button.textContent = caption; }, 1500);
    });
    return button;
  }

  // ---- the panel of the selected point

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
  function elementKey(index) {
    const structure = data.dataset.structures[index];
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
    return parts;
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
        element('h3', {}, 'Properties'),
        propertyTable(index),
      ].filter((part) => part !== null),
    );
    byId('provenance').replaceChildren(...provenance(index));
    byId('key').replaceChildren(...elementKey(index));
    byId('panel').scrollTop = 0;
    byId('points').value = String(index);
  }

  // ---- map, structure and panel follow each other

  function select(index) {
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new RangeError('there is no point ' + index);
    }
    showPanel(index);
    if (limap.viewer !== null) {
      limap.viewer.select({ environment: index, structure: index, atom: undefined });
    }
  }

  /** Call ours after chemiscope's own answer to an event; the place of the indexes differs by event. */
  function follow(owner, name, place) {
    const original = owner[name];
    owner[name] = function (...values) {
      original.apply(this, values);
      showPanel(values[place].structure);
    };
  }

  function link(viewer) {
    follow(viewer.map, 'onselect', 0);
    follow(viewer.map, 'activeChanged', 1);
    follow(viewer.structure, 'onselect', 0);
    follow(viewer.structure, 'activeChanged', 1);
    follow(viewer.structure, 'oncreate', 2);
    follow(viewer.info, 'onchange', 0);
  }

  function plotHost() {
    return [...byId('map').querySelectorAll('*')].find((node) => node.shadowRoot !== null);
  }

  /** The plot inside the map of chemiscope, null where it is none of Plotly's. */
  function plotOf() {
    const host = plotHost();
    const plot = host === undefined ? null : host.shadowRoot.querySelector('.js-plotly-plot');
    return plot === null || typeof plot.on !== 'function' ? null : plot;
  }

  /** Replace the plot's own hover label, which knows one property only, by formula and energy. */
  function attachTip() {
    const plot = plotOf();
    // Above 50 000 points chemiscope draws a sample, whose numbering is its own.
    if (plot === null || count > 50000) {
      return;
    }
    const tip = byId('tip');
    plotHost().shadowRoot.append(element('style', {}, PLOT_STYLE));
    plot.on('plotly_hover', (event) => {
      const point = event.points[0];
      const index = point.pointNumber;
      if (point.curveNumber !== 0 || index >= count) {
        return;
      }
      const energy = value('migration_energy_eV', index);
      const label = (points.source[index] || {}).id || '';
      tip.replaceChildren(
        element('b', {}, points.formula[index] + (label ? ' \u00b7 ' + label : '')),
        energy === null ? 'no migration energy' : withUnit('migration_energy_eV', index),
        ...(interval(index) === null ? [] : [element('br'), interval(index)]),
        ...(value('is_new', index) === 1 ? [element('br'), 'new on this map'] : []),
        ...(value('in_domain', index) === 0 ? [element('br'), 'outside of what the model knows'] : []),
      );
      tip.hidden = false;
      const right = event.event.clientX + 14;
      const left = event.event.clientX - 14 - tip.offsetWidth;
      tip.style.left = (right + tip.offsetWidth < window.innerWidth ? right : left) + 'px';
      tip.style.top = Math.max(4, event.event.clientY - tip.offsetHeight - 10) + 'px';
    });
    plot.on('plotly_unhover', () => { tip.hidden = true; });
  }

  // ---- places of the map about which nothing is known

  /** A picture of the plane: grey with hatches where there is no training data near, else clear. */
  function unknownPicture(support) {
    const rows = support.values;
    const size = 600;
    const canvas = element('canvas', { width: size, height: size });
    const context = canvas.getContext('2d');
    const picture = context.createImageData(size, size);
    const step = [(rows[0].length - 1) / (size - 1), (rows.length - 1) / (size - 1)];
    for (let line = 0; line < size; line += 1) {
      // The first line of a picture is its top, the first row of the grid its bottom.
      const y = (size - 1 - line) * step[1];
      const [below, above] = [rows[Math.floor(y)], rows[Math.ceil(y)]];
      for (let place = 0; place < size; place += 1) {
        const x = place * step[0];
        const [left, right] = [Math.floor(x), Math.ceil(x)];
        const low = below[left] + (x - left) * (below[right] - below[left]);
        const high = above[left] + (x - left) * (above[right] - above[left]);
        if (low + (y - Math.floor(y)) * (high - low) < support.known) {
          const shade = (line + place) % 12 < 1 ? 190 : 234;
          picture.data.set([shade, shade, shade, 255], 4 * (line * size + place));
        }
      }
    }
    context.putImageData(picture, 0, 0);
    return canvas.toDataURL('image/png');
  }

  /** Lay the picture below the points while the axes are those of the plane. */
  function attachUnknown(viewer) {
    const plot = plotOf();
    const support = data.support;
    if (plot === null || support === null || typeof viewer.map._relayout !== 'function') {
      return;
    }
    const image = {
      source: unknownPicture(support), xref: 'x', yref: 'y', sizing: 'stretch', layer: 'below',
      x: support.x[0], y: support.y[1], sizex: support.x[1] - support.x[0], sizey: support.y[1] - support.y[0],
    };
    const axisTitle = (axis) => (axis && axis.title && (axis.title.text || axis.title)) || '';
    const update = () => {
      const layout = plot._fullLayout;
      const fits = [layout.xaxis, layout.yaxis].every((axis, index) => axisTitle(axis) === support.axes[index]);
      if (fits !== (limap.shaded === true)) {
        limap.shaded = fits;
        viewer.map._relayout({ images: fits ? [image] : [] });
      }
    };
    plot.on('plotly_afterplot', update);
    update();
  }

  function fillPage() {
    byId('summary').replaceChildren(...data.summary.map((text) => element('li', {}, text)));
    byId('legend').textContent = data.legend;
    byId('facts').tBodies[0].replaceChildren(
      ...data.facts.map(([name, text]) => element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, text))),
    );
    byId('points').replaceChildren(
      ...points.id.map((id, index) => {
        const label = (points.source[index] || {}).id || id;
        return element('option', { value: String(index) }, points.formula[index] + ' \u00b7 ' + label);
      }),
    );
    byId('points').addEventListener('change', (event) => select(Number(event.target.value)));
    byId('previous').addEventListener('click', () => select((limap.selected + count - 1) % count));
    byId('next').addEventListener('click', () => select((limap.selected + 1) % count));
    byId('about-open').addEventListener('click', () => byId('about').showModal());
    // chemiscope takes the escape key of the whole document for its own dialogs.
    byId('about').addEventListener('keydown', (event) => event.stopPropagation());
  }

  /** chemiscope marks a missing number by NaN, which JSON does not have. */
  function restoreNaN(properties) {
    for (const entry of Object.values(properties)) {
      entry.values = entry.values.map((given) => (given === null ? NaN : given));
    }
  }

  async function start() {
    fillPage();
    showPanel(data.dataset.settings.pinned[0]);
    restoreNaN(data.dataset.properties);
    const warnings = new Chemiscope.Warnings();
    warnings.addHandler((message) => showMessage(message));
    const places = { map: 'map', structure: 'structure', meta: 'meta', info: 'info', maxStructureViewers: 4 };
    limap.viewer = await Chemiscope.DefaultVisualizer.load(places, data.dataset, warnings);
    link(limap.viewer);
    attachTip();
    attachUnknown(limap.viewer);
    limap.ready = true;
  }

  window.addEventListener('error', (event) => limap.errors.push(String(event.message)));
  window.addEventListener('unhandledrejection', (event) => limap.errors.push(String(event.reason)));
  start().catch((error) => {
    limap.errors.push(String(error));
    showMessage('The map could not be drawn (' + error.message + '). It needs WebGL, which this browser may have switched off; the list of points still works.');
  });
})();
