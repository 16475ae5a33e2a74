// Find points by formula, in any order of its elements, by identifier, or by the start of a UUID.

const MAX_HITS = 50;
const SYMBOLS = (
  'H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru '
  + 'Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po '
  + 'At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og D T').split(' ');
const SYMBOL_PLACE = new Map(SYMBOLS.map((symbol, place) => [symbol, place]));

/** Elements of a formula with their amounts, brackets resolved; null where the text is no formula. */
function amounts(text) {
  const stack = [new Map()];
  const add = (map, symbol, amount) => map.set(symbol, (map.get(symbol) || 0) + amount);
  let place = 0;
  while (place < text.length) {
    const part = /^(?:([A-Z][a-z]?)|([([])|([)\]]))([0-9.]*)/.exec(text.slice(place));
    if (part === null || (part[1] && !SYMBOL_PLACE.has(part[1]))) {
      return null;
    }
    const factor = part[4] === '' ? 1 : Number(part[4]);
    if (part[1]) {
      add(stack[stack.length - 1], part[1], factor);
    } else if (part[2]) {
      stack.push(new Map());
    } else if (stack.length > 1) {
      for (const [symbol, amount] of stack.pop()) {
        add(stack[stack.length - 1], symbol, amount * factor);
      }
    }
    place += part[0].length;
  }
  return stack.length === 1 && stack[0].size > 0 ? stack[0] : null;
}

/** Four words of 32 bits for each point: which elements it holds. */
let elementBits = null;

function bitsOf(symbols) {
  const bits = new Uint32Array(4);
  for (const symbol of symbols) {
    const place = SYMBOL_PLACE.get(symbol);
    bits[place >> 5] |= 1 << (place & 31);
  }
  return bits;
}

function elementsOfPoints() {
  if (elementBits === null) {
    elementBits = new Uint32Array(4 * count);
    points.formula.forEach((text, index) => {
      const found = amounts(text);
      elementBits.set(bitsOf(found === null ? (text.match(/[A-Z][a-z]?/g) || []).filter((symbol) => SYMBOL_PLACE.has(symbol)) : found.keys()), 4 * index);
    });
  }
  return elementBits;
}

function holdsAll(bits, index, wanted) {
  return [0, 1, 2, 3].every((word) => (bits[4 * index + word] & wanted[word]) >>> 0 === wanted[word]);
}

function sameRatios(one, other) {
  const sum = (map) => [...map.values()].reduce((total, amount) => total + amount, 0);
  const [first, second] = [sum(one), sum(other)];
  return one.size === other.size && [...one].every(([symbol, amount]) => Math.abs(amount / first - (other.get(symbol) || 0) / second) < 1e-6);
}

/** How well a point answers: 0 best, -1 not at all. */
function searchRanks(text) {
  const query = text.trim();
  const small = query.toLowerCase();
  const asked = amounts(query.replace(/[\s,-]+/g, ''));
  const wanted = asked === null ? null : bitsOf(asked.keys());
  const plain = asked !== null && !/[0-9]/.test(query);
  const bits = wanted === null ? null : elementsOfPoints();
  const hex = /^[0-9a-f-]{4,}$/.test(small);
  return (index) => {
    const name = String(nameOf(index)).toLowerCase();
    if (name === small || points.id[index].toLowerCase() === small) {
      return 0;
    }
    if (wanted !== null && holdsAll(bits, index, wanted)) {
      const own = amounts(points.formula[index]);
      if (own !== null && sameRatios(asked, own)) {
        return 1;
      }
      if (plain) {
        return own !== null && own.size === asked.size ? 3 : 5;
      }
    }
    if (points.id[index].toLowerCase().startsWith(small) || points.formula[index].toLowerCase().startsWith(small)) {
      return 2;
    }
    if (name.includes(small)) {
      return 4;
    }
    return hex && Object.values(points.provenance[index] || {}).some((id) => String(id).toLowerCase().startsWith(small)) ? 6 : -1;
  };
}

/** Points that answer a query, best first: all of them, as indexes. */
function search(text) {
  if (text.trim() === '') {
    return [];
  }
  const rank = searchRanks(text);
  const groups = [[], [], [], [], [], [], []];
  for (let index = 0; index < count; index += 1) {
    const found = rank(index);
    if (found >= 0) {
      groups[found].push(index);
    }
  }
  return groups.flat();
}

function attachSearch() {
  const [field, list, note] = [byId('search'), byId('hits'), byId('hits-note')];
  let hits = [];
  let active = -1;
  const close = () => {
    byId('hits-box').hidden = true;
    field.setAttribute('aria-expanded', 'false');
    field.removeAttribute('aria-activedescendant');
    active = -1;
  };
  const mark = (place) => {
    active = place;
    [...list.children].forEach((node, index) => node.setAttribute('aria-selected', String(index === active)));
    field.setAttribute('aria-activedescendant', 'hit-' + active);
    list.children[active].scrollIntoView({ block: 'nearest' });
  };
  const choose = (place) => {
    const index = hits[place];
    close();
    select(index, true);
  };
  const update = () => {
    hits = search(field.value);
    list.replaceChildren(...hits.slice(0, MAX_HITS).map((index, place) => {
      const option = element('li', { role: 'option', id: 'hit-' + place, 'aria-selected': 'false' }, ...pointLabel(index));
      // Before the field loses the focus, which closes the list.
      option.addEventListener('mousedown', (event) => { event.preventDefault(); choose(place); });
      return option;
    }));
    note.textContent = hits.length === 0 ? 'No point has such a formula, identifier or UUID.'
      : hits.length > MAX_HITS ? 'The first ' + MAX_HITS + ' of ' + hits.length + ' points.' : hits.length === 1 ? '1 point.' : hits.length + ' points.';
    byId('hits-box').hidden = field.value.trim() === '';
    field.setAttribute('aria-expanded', String(!byId('hits-box').hidden));
    active = -1;
    field.removeAttribute('aria-activedescendant');
  };
  field.addEventListener('input', update);
  field.addEventListener('focus', () => { if (field.value.trim() !== '') { update(); } });
  field.addEventListener('blur', close);
  field.addEventListener('keydown', (event) => {
    const shown = Math.min(hits.length, MAX_HITS);
    if (event.key === 'Escape') {
      event.stopPropagation();
      if (byId('hits-box').hidden) { field.value = ''; }
      close();
    } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && shown > 0) {
      event.preventDefault();
      if (byId('hits-box').hidden) { update(); }
      const step = event.key === 'ArrowDown' ? 1 : -1;
      mark((Math.max(active, step > 0 ? -1 : 0) + step + shown) % shown);
    } else if (event.key === 'Enter' && shown > 0 && !byId('hits-box').hidden) {
      choose(Math.max(active, 0));
    }
  });
}
