// Light and dark: as the system says, until the switch says otherwise; remembered while the tab is open.

const THEME_KEY = 'limap-theme';

function storedTheme() {
  try {
    return sessionStorage.getItem(THEME_KEY);
  } catch (error) {
    // Browsers may refuse storage to a file; the switch then lasts until the page is left.
    return limap.chosenTheme || null;
  }
}

function storeTheme(theme) {
  limap.chosenTheme = theme;
  try {
    sessionStorage.setItem(THEME_KEY, theme);
  } catch (error) {
    announce('This browser does not remember the choice.');
  }
}

const systemDark = window.matchMedia('(prefers-color-scheme: dark)');

/** Dress the page, and where they are there already, plot and structure. */
function applyTheme() {
  limap.theme = storedTheme() || (systemDark.matches ? 'dark' : 'light');
  document.documentElement.dataset.theme = limap.theme;
  byId('theme').textContent = limap.theme === 'dark' ? 'Light' : 'Dark';
  byId('theme').setAttribute('aria-label', 'Switch to ' + (limap.theme === 'dark' ? 'light' : 'dark') + ' colours');
  limap.veil = limap.theme === 'dark' ? '#3d4754' : '#d3d3d3';
  if (limap.viewer !== null && plotOf() !== null) {
    together(dressPlot);
    dressStructures();
  }
}

function dressPlot() {
  const style = getComputedStyle(byId('map'));
  const line = getComputedStyle(byId('map-frame')).borderTopColor;
  const map = limap.viewer.map;
  // Letters that a room can read on a large screen.
  const letters = window.innerWidth >= 1700 ? 16 : 12;
  const axes = {};
  for (const axis of ['xaxis', 'yaxis']) {
    Object.assign(axes, { [axis + '.title.font.size']: letters + 2, [axis + '.gridcolor']: line, [axis + '.linecolor']: line, [axis + '.zerolinecolor']: line });
  }
  map._relayout({
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: style.backgroundColor, 'font.color': style.color,
    'font.size': letters, 'legend.font.size': letters, 'coloraxis.colorbar.title.font.size': letters + 2, 'coloraxis.colorbar.tickfont.size': letters,
    'coloraxis.colorbar.outlinecolor': line, ...axes,
  });
  const symbols = plotOf().data.map((_, place) => place).slice(3);
  if (symbols.length > 0) {
    map._restyle({ 'marker.color': style.color }, symbols);
  }
  if (limap.mask !== null) {
    map._restyleFull();
  }
}

/** The viewer of structures draws cells and letters in black: on dark ground they are drawn in a light colour. */
function dressStructures() {
  const cells = limap.viewer.structure._cellsData;
  const shown = cells instanceof Map ? [...cells.values()].map((cell) => cell.viewer) : [];
  for (const widget of shown) {
    const viewer = widget && widget._viewer;
    if (!viewer || typeof viewer.addUnitCell !== 'function' || typeof widget._resetShapes !== 'function') {
      continue;
    }
    if (!viewer.limapDressed) {
      viewer.limapDressed = true;
      for (const node of byId('structure').querySelectorAll('*')) {
        dressShadows(node);
      }
      const [cell, label] = [viewer.addUnitCell.bind(viewer), viewer.addLabel.bind(viewer)];
      const ink = (given) => (limap.theme === 'dark' ? '#c8d0da' : given);
      viewer.addUnitCell = (model, spec) => cell(model, { ...spec, box: { ...spec.box, color: ink(spec.box.color) } });
      viewer.addLabel = (text, options, ...more) => label(text, { ...options, fontColor: ink(options.fontColor) }, ...more);
    }
    if (widget._current !== undefined) {
      viewer.removeUnitCell(widget._current.model);
      widget._addAxes('off');
      widget._resetShapes();
    }
  }
}

/** Our style for the buttons of the viewers, which live in shadow trees within shadow trees. */
function dressShadows(node) {
  const root = node.shadowRoot;
  if (root !== null && root.querySelector('style.limap') === null) {
    root.append(element('style', { class: 'limap' }, PLOT_STYLE));
    root.querySelectorAll('*').forEach(dressShadows);
  }
}

function attachTheme() {
  applyTheme();
  const redraw = () => {
    applyTheme();
    if (limap.bent) {
      drawPlane().catch(planeFailed);
    }
  };
  byId('theme').addEventListener('click', () => {
    storeTheme(limap.theme === 'dark' ? 'light' : 'dark');
    redraw();
  });
  systemDark.addEventListener('change', redraw);
}
