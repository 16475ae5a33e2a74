// What the points are coloured by, in which palette, and the sentence below the map that says so.

function currentColour() {
  return limap.viewer.map._options.color.property.value;
}

function optionLabel(label) {
  const units = data.dataset.properties[label].units;
  return label + (units ? ' (' + units + ')' : '');
}

function fillColours() {
  const map = limap.viewer.map;
  const chosen = byId('colour');
  chosen.replaceChildren(
    element('option', { value: '' }, 'one colour'),
    ...Object.keys(data.dataset.properties).map((label) => element('option', { value: label }, optionLabel(label))));
  chosen.value = currentColour();
  chosen.addEventListener('change', () => colourBy(chosen.value));
  const palette = byId('palette');
  const known = [...map._options.getModalElement('map-color-palette').options].map((option) => option.value);
  palette.replaceChildren(...PALETTES.filter((name) => known.includes(name)).map((name) => element('option', { value: name }, name)));
  palette.value = map._options.color.palette.value;
  palette.addEventListener('change', () => {
    together(() => { map._options.color.palette.value = palette.value; });
    drawPlane().catch(planeFailed);
  });
  // The menu of chemiscope can change the colour too.
  map._options.color.property.onchange.push(() => setTimeout(() => {
    chosen.value = currentColour();
    fillLegend();
  }));
  map._options.color.min.onchange.push(() => setTimeout(fillLegend));
  map._options.color.max.onchange.push(() => setTimeout(fillLegend));
}

/** Colour the points by a property of the map; words get a colour bar of words. */
function colourBy(label) {
  together(() => setColour(label));
  fillLegend();
}

function setColour(label) {
  const map = limap.viewer.map;
  const colour = map._options.color;
  colour.property.value = label;
  const strings = label === '' ? undefined : map._property(label).string;
  const bar = 'coloraxis.colorbar.';
  if (strings === undefined) {
    map._relayout({ [bar + 'tickmode']: 'auto', [bar + 'tickvals']: null, [bar + 'ticktext']: null, [bar + 'title.side']: 'right' });
  } else {
    const names = strings.strings();
    map._relayout({
      [bar + 'tickmode']: 'array', [bar + 'title.side']: 'top', [bar + 'tickvals']: names.map((_, place) => place),
      [bar + 'ticktext']: names.map((name) => (name.length > 18 ? name.slice(0, 17) + '\u2026' : name)),
    });
  }
  if (label !== '') {
    const [low, high] = strings === undefined ? colourRange(label) : [-0.5, strings.strings().length - 0.5];
    // The lower end first goes out of the way: chemiscope refuses a lower end above the upper one.
    colour.min.value = Number.NEGATIVE_INFINITY;
    colour.max.value = high;
    colour.min.value = low;
  }
}

/** The sentences of the data that tell of symbols and hatches, and ours about the colours. */
function fillLegend() {
  const label = currentColour();
  byId('palette').disabled = label === '' || limap.viewer.map._property(label).string !== undefined;
  const sentences = [];
  if (label === '') {
    sentences.push('One colour for all points');
  } else if (limap.viewer.map._property(label).string !== undefined) {
    sentences.push('Colour: ' + label.charAt(0).toLowerCase() + label.slice(1));
  } else {
    const { min, max } = limap.viewer.map._options.color;
    const entry = data.dataset.properties[label];
    const values = entry.values.filter((x) => Number.isFinite(x));
    const beyond = values.filter((x) => x < min.value - 1e-9 || x > max.value + 1e-9).length;
    const missing = count - values.length;
    const name = property.migration_energy_eV && property.migration_energy_eV.label === label ? 'calculated migration energy' : label.charAt(0).toLowerCase() + label.slice(1);
    sentences.push('Colour: ' + name + ', ' + short(min.value) + ' to ' + short(max.value) + (entry.units ? '\u00a0' + entry.units : '')
      + (beyond > 0 ? '; ' + beyond + ' beyond are drawn in the last colour' : ''));
    if (missing > 0) {
      sentences.push('Grey: ' + missing + ' without a ' + (name === 'calculated migration energy' ? 'migration energy' : 'value'));
    }
  }
  // The sentences about colours in the data are those of the first view.
  sentences.push(...data.legend.replace(/\.$/, '').split('. ').filter((text) => !/^(Colour|Grey|One colour)/.test(text)));
  byId('legend').textContent = sentences.join('. ') + '.';
}
