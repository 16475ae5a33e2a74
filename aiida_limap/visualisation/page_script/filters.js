// Filters grey or hide the points that do not pass.

/** Words that can be filtered by, in this order; each where the data hold it. */
const WORD_FILTERS = ['family', 'database', 'status', 'domain', 'split', 'origin'];
const filterWords = new Map();

function wordsFor(name) {
  if (name === 'database') {
    return points.source.map((source) => (source || {}).db_name || 'not given');
  }
  const entry = property[name === 'domain' ? 'in_domain' : name];
  if (entry === undefined) {
    return null;
  }
  if (name === 'domain') {
    return entry.values.map((x) => (x === null ? 'not given' : x === 1 ? 'inside' : 'outside'));
  }
  return entry.values.map((word) => (word === null || word === '' ? 'not given' : String(word)));
}

function wordFilter(name) {
  const given = wordsFor(name);
  const counts = new Map();
  for (const word of given || []) {
    counts.set(word, (counts.get(word) || 0) + 1);
  }
  if (counts.size < 2) {
    return null;
  }
  const title = { database: 'Source', domain: 'Domain of the model' }[name] || property[name].label;
  const boxes = [...counts].sort((a, b) => b[1] - a[1]).map(([word, size]) => {
    const box = element('input', { type: 'checkbox', value: word });
    return element('label', {}, box, element('span', {}, word), element('span', { class: 'unit' }, String(size)));
  });
  const summary = element('summary', {}, title + ': ', element('span', { class: 'chosen' }, 'any'));
  const section = element('details', { class: 'words', 'data-filter': name }, summary, ...boxes);
  const codes = new Map([...counts.keys()].map((word, place) => [word, place]));
  filterWords.set(name, { section: section, codes: Uint16Array.from(given, (word) => codes.get(word)), places: codes });
  return section;
}

/** Symbols in a field, and what in it is none. */
function symbolsIn(field) {
  const parts = field.value.split(/[\s,;]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z])/).filter((part) => part !== '');
  const given = parts.map((part) => part.charAt(0).toUpperCase() + part.slice(1));
  return [given.filter((part) => SYMBOL_PLACE.has(part)), given.filter((part) => !SYMBOL_PLACE.has(part))];
}

/** The tests that are set, each a function of the index of a point. */
function activeTests() {
  const tests = [];
  const [all, unknown] = symbolsIn(byId('filter-all'));
  const [none, unknownToo] = symbolsIn(byId('filter-none'));
  const strangers = [...unknown, ...unknownToo];
  byId('filter-error').textContent = strangers.length === 0 ? '' : strangers.join(', ') + (strangers.length === 1 ? ' is no element.' : ' are no elements.');
  if (all.length > 0 || none.length > 0) {
    const bits = elementsOfPoints();
    const [wanted, refused] = [bitsOf(all), bitsOf(none)];
    tests.push((index) => holdsAll(bits, index, wanted) && [0, 1, 2, 3].every((word) => (bits[4 * index + word] & refused[word]) === 0));
  }
  const ends = ['filter-low', 'filter-high'].map((id) => (byId(id).value === '' ? NaN : Number(byId(id).value)));
  if (ends.some((end) => !Number.isNaN(end))) {
    const values = property[byId('filter-property').value].values;
    tests.push((index) => values[index] !== null && !(values[index] < ends[0]) && !(values[index] > ends[1]));
  }
  for (const filter of filterWords.values()) {
    const chosen = [...filter.section.querySelectorAll('input:checked')].map((box) => box.value);
    filter.section.querySelector('.chosen').textContent = chosen.length === 0 ? 'any' : chosen.length === 1 ? chosen[0] : chosen.length + ' chosen';
    if (chosen.length > 0) {
      const places = new Set(chosen.map((word) => filter.places.get(word)));
      tests.push((index) => places.has(filter.codes[index]));
    }
  }
  return tests;
}

function applyFilters() {
  const tests = activeTests();
  limap.hidesOthers = byId('filter-hide').checked;
  limap.shown = count;
  limap.mask = null;
  if (tests.length > 0) {
    limap.shown = 0;
    limap.mask = new Uint8Array(count);
    for (let index = 0; index < count; index += 1) {
      if (tests.every((test) => test(index))) {
        limap.mask[index] = 1;
        limap.shown += 1;
      }
    }
  }
  const text = tests.length === 0 ? 'All ' + count + ' points pass.' : limap.shown + ' of ' + count + ' points pass.';
  byId('filter-count').textContent = text;
  byId('tab-filter').textContent = tests.length === 0 ? 'Filter' : 'Filter: ' + limap.shown;
  byId('filter-reset').disabled = tests.length === 0;
  if (limap.viewer !== null && limap.bent) {
    limap.viewer.map._computeLOD(limap.viewer.map._getBounds());
    limap.viewer.map._restyleFull().catch(plotFailed);
  }
  fillSelection();
}

function resetFilters() {
  byId('filters').reset();
  applyFilters();
  byId('filter-all').focus();
}

function fillFilters() {
  const numeric = data.properties.filter((entry) => entry.numeric && entry.values.some((x) => x !== null) && !['in_domain', 'is_new'].includes(entry.name));
  byId('filter-property').replaceChildren(...numeric.map((entry) =>
    element('option', { value: entry.name }, entry.label + (entry.unit ? ' (' + entry.unit + ')' : ''))));
  if (numeric.some((entry) => entry.name === 'migration_energy_eV')) {
    [...byId('filter-property').options].find((option) => option.value === 'migration_energy_eV').defaultSelected = true;
  }
  byId('filter-words').replaceChildren(...WORD_FILTERS.map(wordFilter).filter((part) => part !== null));
  let waiting = 0;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(applyFilters, 150);
  };
  byId('filters').addEventListener('input', soon);
  byId('filters').addEventListener('submit', (event) => { event.preventDefault(); applyFilters(); });
  byId('filter-reset').addEventListener('click', resetFilters);
}
