// Descriptors of a point or of an empty place, block by block: what went in, and what the model makes of the code.

/** Named columns that are listed of one block. */
const MAX_NAMES = 40;
/** Decoded numbers below this share of the largest one are not listed in a long block. */
const LEAST_DECODED = 0.02;
const BRANCHES = [['composition', 'x_comp', 'Composition'], ['structure', 'x_struc', 'Structure']];

/** The decoded row of a branch at a code, null where the page does not hold the decoded axes. */
async function decodedRow(branch, code) {
  const decoded = (data.decoded || {})[branch];
  if (!decoded || code === null) {
    return null;
  }
  const [codes, rows] = await Promise.all([unpack(decoded.code), unpack(decoded.rows)]);
  return rowAtCode(codes, rows, code);
}

async function inputRow(branch, index) {
  const packed = (data.rows || {})[branch];
  return packed && index !== null ? (await unpack(packed)).row(index) : null;
}

/** The part of a row that belongs to a block, in its own unit. */
function partOf(block, row) {
  const factor = (place) => (Array.isArray(block.factors) ? block.factors[place] : block.factors === undefined ? 1 : block.factors);
  return row === null ? null : row.slice(block.start, block.stop).map((x, place) => x * factor(place));
}

/** Columns that have a name each rather than a place on an axis; what the decoder makes of nothing is never quite zero. */
function namedBlock(block, input, decoded) {
  const least = Math.max(5e-4, LEAST_DECODED * Math.max(0, ...(decoded || []).map(Math.abs).filter(Number.isFinite)));
  const counts = (place) => (input !== null && Math.abs(input[place]) > 5e-4) || (decoded !== null && Math.abs(decoded[place]) > least);
  const cell = (row, place) => (row === null ? null : element('td', {}, Number.isNaN(row[place]) ? '\u2013' : number(row[place])));
  const heads = [input === null ? null : element('th', { scope: 'col' }, 'given'), decoded === null ? null : element('th', { scope: 'col' }, 'decoded')];
  const rows = block.names
    .map((name, place) => [name, place])
    .filter(([, place]) => block.names.length <= MAX_NAMES || counts(place))
    .slice(0, MAX_NAMES)
    .map(([name, place]) => element('tr', {}, element('th', { scope: 'row' }, name), cell(input, place), cell(decoded, place)));
  return element('figure', {},
    element('figcaption', {}, words(block.title) + (rows.length < block.names.length ? ' (' + rows.length + ' of ' + block.names.length + ', others about zero or left out)' : '')),
    element('table', { class: 'named' }, element('thead', {}, element('tr', {}, element('td', {}), ...heads.filter((head) => head !== null))), element('tbody', {}, ...rows)));
}

function blockPicture(block, givenRow, decodedRowOfAll) {
  const [input, decoded] = [partOf(block, givenRow), partOf(block, decodedRowOfAll)];
  if (block.names) {
    return namedBlock(block, input, decoded);
  }
  const positions = block.positions || Array.from({ length: block.stop - block.start }, (_, place) => place + 1);
  const named = block.x_label || 'column';
  // Some labels say their unit themselves.
  const label = block.unit && !named.includes('(' + block.unit + ')') ? named + ' / ' + block.unit : named;
  const lines = [];
  if (input !== null) {
    lines.push({ ys: input, kind: 'input' });
  }
  if (decoded !== null) {
    lines.push({ ys: decoded, kind: 'decoded' });
  }
  return element('figure', {},
    element('figcaption', {}, words(block.meaning || block.title)),
    chart({
      title: (block.meaning || block.title) + ', over ' + label, xs: positions, lines: lines, height: 112,
      xLabel: label, zero: true,
    }));
}

async function fillDescriptors(body, branch, index, code) {
  const [input, decoded] = await Promise.all([inputRow(branch, index), decodedRow(branch, code)]);
  const blocks = ((data.columns || {})[branch] || {}).blocks || [];
  const parts = [];
  if (input === null && decoded === null) {
    parts.push(element('p', { class: 'note' }, data.rows_note || 'This page holds no descriptors of this kind.'));
  } else {
    parts.push(element('p', { class: 'note' },
      input === null ? null : element('span', { class: 'swatch input' }, 'given to the model'),
      decoded === null ? null : element('span', { class: 'swatch decoded' }, 'decoded from the code')));
    if (input === null && index !== null && data.rows_note) {
      parts.push(element('p', { class: 'note' }, data.rows_note));
    }
    parts.push(...blocks.map((block) => blockPicture(block, input, decoded)));
  }
  body.replaceChildren(...parts);
}

/** One folded section for each kind of descriptors; it is filled when it is first opened. */
function descriptorSections(index, codes) {
  if (!data.columns || (!data.rows && !data.decoded)) {
    return [];
  }
  return BRANCHES.filter(([branch]) => (data.rows || {})[branch] || (data.decoded || {})[branch]).map(([branch, , title], place) => {
    const body = element('div', {}, element('p', { class: 'note' }, 'Unpacking \u2026'));
    const section = element('details', { class: 'descriptors', 'data-branch': branch },
      element('summary', {}, title + ' descriptors' + (index === null ? ', decoded' : '')), body);
    section.addEventListener('toggle', () => {
      if (section.open && !section.dataset.filled) {
        section.dataset.filled = 'yes';
        fillDescriptors(body, branch, index, codes[place]).catch((error) => body.replaceChildren(
          element('p', { class: 'note' }, 'The descriptors could not be unpacked: ' + error.message + '.')));
      }
    });
    return section;
  });
}
