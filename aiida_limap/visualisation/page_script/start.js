// Map, structure and panel follow each other; then everything is put in its place.

/** Select a point; where somebody asked for it, its panel comes to the front. */
function select(index, opens) {
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new RangeError('there is no point ' + index);
  }
  showPanel(index);
  if (opens) {
    openTab('point');
  }
  if (limap.viewer !== null) {
    limap.viewer.select({ environment: index, structure: index, atom: undefined });
  }
}
limap.select = select;

/** Call ours after chemiscope's own answer to an event; the place of the indexes differs by event. */
function follow(owner, name, place, opens) {
  const original = owner[name];
  owner[name] = function (...values) {
    original.apply(this, values);
    showPanel(values[place].structure);
    if (opens) {
      openTab('point');
    }
  };
}

function link(viewer) {
  follow(viewer.map, 'onselect', 0, true);
  follow(viewer.map, 'activeChanged', 1);
  follow(viewer.structure, 'onselect', 0, true);
  follow(viewer.structure, 'activeChanged', 1);
  follow(viewer.structure, 'oncreate', 2);
  follow(viewer.info, 'onchange', 0);
  const created = viewer.structure.oncreate;
  viewer.structure.oncreate = function (...values) {
    created.apply(this, values);
    dressStructures();
  };
}

/** Replace the plot's own hover label, which knows one property only, by formula and energy. */
function attachTip() {
  const plot = plotOf();
  const tip = byId('tip');
  plot.on('plotly_hover', (event) => {
    const point = event.points[0];
    const index = drawnIndex(point.pointNumber);
    if (point.curveNumber !== 0 || index === undefined || index >= count) {
      return;
    }
    const energy = value('migration_energy_eV', index);
    const label = (points.source[index] || {}).id || '';
    const parts = [energy === null ? 'no migration energy' : withUnit('migration_energy_eV', index), interval(index),
      value('is_new', index) === 1 ? 'new on this map' : null,
      value('in_domain', index) === 0 ? 'outside of what the model knows' : null];
    const lines = parts.filter((part) => part !== null).flatMap((part, place) => (place === 0 ? [part] : [element('br'), part]));
    tip.replaceChildren(element('b', {}, points.formula[index] + (label ? ' \u00b7 ' + label : '')), ...lines);
    tip.hidden = false;
    const right = event.event.clientX + 14;
    const left = event.event.clientX - 14 - tip.offsetWidth;
    tip.style.left = (right + tip.offsetWidth < window.innerWidth ? right : left) + 'px';
    tip.style.top = Math.max(4, event.event.clientY - tip.offsetHeight - 10) + 'px';
  });
  plot.on('plotly_unhover', () => { tip.hidden = true; });
  // A fast mouse leaves the map without that event.
  byId('map-frame').addEventListener('mouseleave', () => { tip.hidden = true; });
}

function fillPage() {
  byId('summary').replaceChildren(...data.summary.map((text) => element('li', {}, text)));
  byId('legend').textContent = data.legend;
  byId('facts').tBodies[0].replaceChildren(
    ...data.facts.map(([name, text]) => element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, text))),
  );
  byId('previous').addEventListener('click', () => select((limap.selected + count - 1) % count, true));
  byId('next').addEventListener('click', () => select((limap.selected + 1) % count, true));
  byId('about-open').addEventListener('click', () => byId('about').showModal());
  // chemiscope takes the escape key of the whole document for its own dialogs.
  byId('about').addEventListener('keydown', (event) => event.stopPropagation());
  attachTabs();
  attachSearch();
  fillFilters();
  attachSelection();
  attachKeys();
  attachTheme();
  applyFilters();
}

/** Structures of large maps come as packed texts; chemiscope asks for each when it is to be drawn. */
function unpackedOnDemand(places) {
  if (data.structures_packed) {
    places.loadStructure = (index) => structureOf(index);
  }
  return places;
}

/** All that needs the plot of chemiscope. */
async function attachPlot() {
  const controls = byId('controls');
  const hooks = [
    '_relayout', '_restyle', '_restyleFull', '_getSelectionMask', '_coordinates', '_computeLOD', '_colors', '_getBounds', '_property', '_is3D',
    '_options.colorScale', '_options.valueToColor', '_options.getModalElement', '_options.color.property', '_options.color.min.onchange', '_options.color.palette.onchange',
  ];
  if (!hasHooks(hooks, controls, 'Colours, backgrounds, filters on the map and the selection')) {
    return;
  }
  dressShadows(plotHost());
  bendPlot(limap.viewer.map);
  limap.bent = true;
  limap.tool = 'zoom';
  attachTip();
  attachTools();
  attachPlace();
  fillColours();
  fillLegend();
  together(() => {
    limap.viewer.map._relayout({ hoverdistance: 10, 'margin.t': 40, 'margin.l': window.innerWidth >= 1700 ? 74 : 56 });
    dressPlot();
  });
  dressStructures();
  controls.hidden = false;
  await attachPlane();
}

async function start() {
  addDerived();
  fillPage();
  showPanel(data.dataset.settings.pinned[0]);
  restoreNaN(data.dataset.properties);
  const warnings = new Chemiscope.Warnings();
  warnings.addHandler((message) => showMessage(message));
  const places = { map: 'map', structure: 'structure', meta: 'meta', info: 'info', maxStructureViewers: 4 };
  limap.viewer = await Chemiscope.DefaultVisualizer.load(unpackedOnDemand(places), data.dataset, warnings);
  link(limap.viewer);
  await attachPlot();
  limap.ready = true;
}

window.addEventListener('error', (event) => limap.errors.push(String(event.message)));
window.addEventListener('unhandledrejection', (event) => limap.errors.push(String(event.reason)));
start().catch((error) => {
  limap.errors.push(String(error.stack || error));
  showMessage('The map could not be drawn (' + error.message + '). It needs WebGL, which this browser may have switched off; the search and the list of points still work.');
});
