// The plot that chemiscope draws. Its fields and methods are public in JavaScript but promised to nobody: where one is
// missing, the page says so and goes on with what is left.

/** Within the viewers: our own hover label, and buttons that follow the colours of the page. */
const PLOT_STYLE = `
  .hoverlayer { display: none; }
  .chsp-viewer-button { background: transparent !important; border: 0 !important; }
  .chsp-viewer-button svg, .modebar-btn { filter: var(--flip); }
  .modebar, .modebar-group { background: transparent !important; }`;
/** Of each kind of words, so many get colours; the rarest share the last. */
const MAX_WORDS = 12;
const WORD_COLOURS = [
  [68, 119, 170], [238, 102, 119], [34, 136, 51], [204, 187, 68], [102, 204, 238], [170, 51, 119], [221, 119, 51],
  [51, 34, 136], [153, 204, 119], [136, 85, 51], [221, 170, 204], [0, 119, 119],
];
/** Perceptually uniform, so that equal steps of a value look equal. */
const PALETTES = ['viridis', 'cividis', 'magma', 'plasma', 'inferno'];
/** chemiscope and its plotting library read some texts as markup: the same look-alikes as in the data. */
const LOOK_ALIKES = { '<': '\u2039', '>': '\u203a', '&': '\uff06', '"': '\u201d', "'": '\u2019', '`': '\u2019', '\\': '\u29f5' };

function lookAlike(text) {
  return text.replace(/[<>&"'`\\]/g, (character) => LOOK_ALIKES[character]);
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

/** Whether this version of chemiscope has what a part of the page needs; else one sentence, at that part. */
function hasHooks(names, place, what) {
  const map = limap.viewer.map;
  const found = plotOf() !== null && names.every((name) => name.split('.').reduce((owner, key) => (owner ? owner[key] : undefined), map) !== undefined);
  if (!found) {
    const text = what + ' need another version of chemiscope than ' + document.querySelector('meta[name="chemiscope-version"]').content + '.';
    place.replaceChildren(element('p', { class: 'note' }, text));
    place.hidden = false;
    limap.errors.push(text);
  }
  return found;
}

/** Indexes of the drawn points: above 50 000, chemiscope draws a sample. */
function drawnIndex(place) {
  const sample = limap.viewer.map._lodIndices;
  return sample ? sample[place] : place;
}

/** Run an action whose many changes of the plot are to be drawn at once: each by itself takes as long as all. */
function together(action) {
  const map = limap.viewer.map;
  const [relayout, restyleFull] = [map._relayout, map._restyleFull];
  const changes = {};
  let full = false;
  map._relayout = (change) => { Object.assign(changes, change); };
  map._restyleFull = (change) => {
    full = true;
    Object.assign(changes, change);
    return Promise.resolve();
  };
  try {
    action();
  } finally {
    map._relayout = relayout;
    map._restyleFull = restyleFull;
  }
  if (full) {
    restyleFull.call(map, Object.keys(changes).length > 0 ? changes : undefined).catch(plotFailed);
  } else if (Object.keys(changes).length > 0) {
    relayout.call(map, changes);
  }
}

function plotFailed(error) {
  showMessage('The map could not be drawn anew: ' + error.message + '.');
}

// ---- what points can be coloured by

/** Words of a property with at most a dozen colours: the most frequent by name, the rest as one. */
function fewWords(values) {
  const named = values.map((word) => (word === null || word === undefined || word === '' ? 'not given' : String(word)));
  const counts = new Map();
  for (const word of named) {
    counts.set(word, (counts.get(word) || 0) + 1);
  }
  const kept = new Set([...counts].sort((a, b) => b[1] - a[1]).slice(0, counts.size > MAX_WORDS ? MAX_WORDS - 1 : MAX_WORDS).map(([word]) => word));
  return named.map((word) => lookAlike(kept.has(word) ? word : 'all others'));
}

/** Properties that the data do not hold ready for the plot: the width of the interval, and words of many kinds. */
function addDerived() {
  const [low, high] = [property.migration_energy_low_eV, property.migration_energy_high_eV];
  if (low !== undefined && high !== undefined && property.interval_width_eV === undefined) {
    const values = low.values.map((x, index) => (x === null || high.values[index] === null ? null : high.values[index] - x));
    const entry = { name: 'interval_width_eV', label: 'Width of the interval', unit: 'eV', description: 'Upper minus lower end of the interval of the prediction.', numeric: true, values: values };
    data.properties.push(entry);
    property[entry.name] = entry;
    if (new Set(values.filter((x) => x !== null)).size > 1) {
      data.dataset.properties[entry.label] = { target: 'structure', values: [...values], units: 'eV' };
    }
  }
  const drawn = data.dataset.properties;
  const add = (label, values) => {
    if (new Set(values).size > 1) {
      drawn[label] = { target: 'structure', values: values };
    } else {
      delete drawn[label];
    }
  };
  for (const name of ['family', 'status', 'origin', 'split']) {
    if (property[name] !== undefined) {
      add(lookAlike(property[name].label), fewWords(property[name].values));
    }
  }
  for (const name of ['in_domain', 'is_new']) {
    if (property[name] !== undefined) {
      add(lookAlike(property[name].label), property[name].values.map((x) => (x === null ? 'not given' : x === 1 ? 'yes' : 'no')));
    }
  }
  if (drawn.Source === undefined) {
    add('Source', fewWords(points.source.map((source) => (source || {}).db_name)));
  }
}

/** chemiscope marks a missing number by NaN, which JSON does not have. */
function restoreNaN(properties) {
  for (const entry of Object.values(properties)) {
    entry.values = entry.values.map((given) => (given === null ? NaN : given));
  }
}

/** Where the colours end: for energies as the data say, else the range, less a few values far out. */
function colourRange(label) {
  const entry = data.dataset.properties[label];
  if (entry.units === 'eV' && energyColours.max !== undefined && /migration energy|interval, /i.test(label)) {
    return [energyColours.min, energyColours.max];
  }
  const sorted = Float64Array.from(entry.values.filter((x) => Number.isFinite(x))).sort();
  const [first, last] = [sorted[0], sorted[sorted.length - 1]];
  const [low, high] = [0.02, 0.98].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  return high > low && last - first > 2.5 * (high - low) ? [low, high] : [first, last];
}

// ---- the answers of the plot, bent where ours differ

/** Let chemiscope ask us which points pass, and colour words by words rather than by the numbers that stand for them. */
function bendPlot(map) {
  const options = map._options;
  const wordsOf = () => (options.hasColors() ? map._property(options.color.property.value).string : undefined);
  const scale = options.colorScale.bind(options);
  limap.plainScale = scale;
  options.colorScale = () => {
    const strings = wordsOf();
    if (strings === undefined) {
      return scale();
    }
    const names = strings.strings();
    return names.flatMap((word, place) => [place, place + 1].map((edge) => [edge / names.length, wordColour(place, names)]));
  };
  options.valueToColor = (x, low, high) => {
    if (typeof x !== 'number' || Number.isNaN(x)) {
      return '#aaaaaa';
    }
    const strings = wordsOf();
    return strings === undefined ? rampColour(scale(), (x - low) / (high - low)) : wordColour(x, strings.strings());
  };
  const mask = map._getSelectionMask.bind(map);
  map._getSelectionMask = () => (limap.mask ? mask().map((passes, index) => passes && limap.mask[index] === 1) : mask());
  const coordinates = map._coordinates.bind(map);
  map._coordinates = (axis, trace) => {
    const found = coordinates(axis, trace);
    if (limap.mask && limap.hidesOthers && (trace === 0 || trace === undefined) && found[0]) {
      found[0] = Array.from(found[0], (x, place) => (limap.mask[drawnIndex(place)] === 1 ? x : NaN));
    }
    return found;
  };
  const sample = map._computeLOD.bind(map);
  map._computeLOD = (bounds) => {
    sample(bounds);
    if (limap.mask && limap.hidesOthers && map._lodIndices !== null && limap.shown <= 50000) {
      map._lodIndices = Array.from({ length: count }, (_, index) => index).filter((index) => limap.mask[index] === 1);
    }
  };
  const colours = map._colors.bind(map);
  map._colors = (trace) => colours(trace).map((row) => (Array.isArray(row) && limap.mask ? row.map((x) => (x === '#d3d3d3' ? limap.veil : x)) : row));
}

/** Greys for words that stand for none, which may be most of the points, or for many; the others take the colours in turn. */
function wordColour(place, strings) {
  const greys = { unknown: 'rgb(190, 190, 190)', 'not given': 'rgb(190, 190, 190)', 'all others': 'rgb(120, 120, 120)' };
  return greys[strings[place]] || 'rgb(' + WORD_COLOURS[place % WORD_COLOURS.length].join(', ') + ')';
}

const ramps = new Map();

/** Colour at a share of a scale, from 256 steps. */
function rampColour(scale, share) {
  if (!ramps.has(scale)) {
    ramps.set(scale, Array.from({ length: 256 }, (_, step) => 'rgb(' + mixed(scale, step / 255).join(', ') + ')'));
  }
  return ramps.get(scale)[Math.round(255 * Math.min(1, Math.max(0, share)))];
}

function mixed(scale, share) {
  let above = 1;
  while (above < scale.length - 1 && scale[above][0] < share) {
    above += 1;
  }
  const [[from, first], [to, second]] = [scale[above - 1], scale[above]];
  const [start, end] = [first, second].map((text) => text.match(/\d+/g).slice(0, 3).map(Number));
  const part = to === from ? 0 : Math.min(1, Math.max(0, (share - from) / (to - from)));
  return start.map((x, place) => Math.round(x + part * (end[place] - x)));
}
