// The elements: which a hit must hold or must not hold, and what colours them.

const WORDS = { with: 'only hits with it', without: 'no hits with it' };

function cells() {
  return [...byId('periodic').querySelectorAll('button')];
}

/** From 0 to 1, or from -1 to 1 for values whose sign matters; null without a value. */
function heat() {
  const given = data.colourings[byId('colouring').value];
  const values = given ? given.values : {};
  if (!given) {
    for (const row of state.rows) {
      for (const symbol of data.elements[row]) {
        values[symbol] = (values[symbol] || 0) + 1;
      }
    }
  }
  const scaled = given && given.logarithmic ? Math.log10 : (value) => value;
  const all = Object.values(values).map(scaled);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  // What every hit holds says nothing, and would leave all others pale.
  const telling = given ? all : all.filter((value) => value < state.rows.length);
  const reach = telling.reduce((far, value) => Math.max(far, Math.abs(value)), 0) || 1;
  const place = (value) => (given && given.signed ? value / reach : given && given.logarithmic ? (most > least ? 0.08 + (0.92 * (value - least)) / (most - least) : 1) : value / reach);
  return (symbol) => (symbol in values ? { value: values[symbol], heat: place(scaled(values[symbol])), unit: given ? given.unit : 'of these hits' } : null);
}

function colourElements() {
  const known = heat();
  const present = new Set(data.elements.flat());
  for (const node of cells()) {
    const symbol = node.dataset.element;
    const [found, wanted] = [known(symbol), state.elements.get(symbol)];
    node.disabled = !present.has(symbol) && found === null;
    node.className = node.className.replace(/ ?\bwith(out)?\b/g, '') + (wanted ? ' ' + wanted : '');
    node.setAttribute('aria-pressed', wanted ? 'true' : 'false');
    const share = found === null ? 0 : Math.min(Math.abs(found.heat), 1);
    const colour = byId('colouring').value === '' ? 'heat' : found !== null && found.heat < 0 ? 'cold' : data.colourings[byId('colouring').value].signed ? 'hot' : 'heat';
    node.style.backgroundColor = found === null ? '' : 'color-mix(in oklab, var(--' + colour + ') ' + Math.round(78 * share) + '%, var(--field))';
    const said = found === null ? '' : ': ' + numberText(found.value) + (found.unit ? ' ' + found.unit : '');
    node.title = symbol + said + (wanted ? '; ' + WORDS[wanted] : '');
    node.setAttribute('aria-label', node.title);
  }
}

function pressElement(symbol) {
  const next = { undefined: 'with', with: 'without', without: undefined }[state.elements.get(symbol)];
  if (next === undefined) {
    state.elements.delete(symbol);
  } else {
    state.elements.set(symbol, next);
  }
  update();
}

function attachElements() {
  for (const node of cells()) {
    node.addEventListener('click', () => pressElement(node.dataset.element));
  }
  byId('colouring').addEventListener('change', colourElements);
}
