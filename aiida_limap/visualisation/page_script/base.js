// What all parts of the page share: the data of the map, its state, and small helpers. Texts become text nodes, never
// markup. The elements come from shared_script/elements.js. page.py puts the parts into one function, in the order that it lists.

const data = JSON.parse(document.getElementById('limap-data').textContent);
const points = data.points;
const count = points.id.length;
const property = Object.fromEntries(data.properties.map((entry) => [entry.name, entry]));
/** Ends of the colours of energies: read before chemiscope takes its settings apart. */
const energyColours = { ...data.dataset.settings.map.color };
/** What the plot calls the two codes. */
const codeAxes = ['x', 'y'].map((axis) => data.dataset.settings.map[axis].property);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MINUS = '\u2212';

/** State for scripts and tests. */
const limap = (window.limap = {
  ready: false, selected: -1, count: count, errors: [], viewer: null, chosen: [], shown: count, mask: null,
  place: null, tool: 'zoom', theme: 'light', bent: false,
});

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
    return String(x).replace('-', MINUS);
  }
  const size = Math.abs(x);
  const text = size >= 1e5 || size < 1e-4 ? x.toExponential(3) : size >= 100 ? x.toFixed(1) : size < 0.01 ? x.toPrecision(2) : x.toFixed(3);
  return text.replaceAll('-', MINUS);
}

/** A number with as few digits as an axis needs. */
function short(x) {
  return String(Number(x.toPrecision(3))).replace('-', MINUS);
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

/** Name of a point in lists: its identifier in the database that it comes from, else its own. */
function nameOf(index) {
  return (points.source[index] || {}).id || points.id[index];
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

/** What a screen reader says when something changes elsewhere on the page. */
function announce(text) {
  byId('announce').textContent = text;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    // Without permission for the clipboard: the older way, through a selected field.
    const field = element('textarea', { readonly: '', style: 'position:fixed;opacity:0' });
    field.value = text;
    const focused = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    if (focused !== null) {
      focused.focus();
    }
    return done;
  }
}

/** A button that copies; the text may be a function, where it is made at the click. */
function copyButton(text, caption, label) {
  const button = element('button', { type: 'button', 'aria-label': label });
  button.textContent = caption;
  if (typeof text === 'string') {
    button.title = text;
  }
  button.addEventListener('click', async () => {
    const done = await copyText(typeof text === 'string' ? text : text());
    button.textContent = done ? 'Copied' : 'Not copied';
    announce(button.textContent);
    setTimeout(() => { button.textContent = caption; }, 1500);
  });
  return button;
}

/** A list whose entries are buttons; the arrow keys go from one to the next. */
function buttonList(entries, label) {
  const list = element('ul', { class: 'hits', 'aria-label': label });
  for (const [content, action] of entries) {
    const button = element('button', { type: 'button' }, ...content);
    button.addEventListener('click', action);
    list.append(element('li', {}, button));
  }
  list.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const buttons = [...list.querySelectorAll('button')];
    const place = buttons.indexOf(document.activeElement);
    if (step !== undefined && place >= 0) {
      event.preventDefault();
      buttons[Math.min(buttons.length - 1, Math.max(0, place + step))].focus();
    }
  });
  return list;
}

/** What a hit of the search, a neighbour or a chosen point is called: formula, name, energy. */
function pointLabel(index, ...more) {
  const energy = value('migration_energy_eV', index);
  return [
    element('b', {}, formula(points.formula[index])),
    element('span', { class: 'name' }, nameOf(index)),
    element('span', { class: 'unit' }, energy === null ? 'no energy' : withUnit('migration_energy_eV', index), ...more),
  ];
}
