// The energy of the mobile ion along the limiting path of the selected point.

/** A lowest point of the path beyond this is another site than the lowest of the crystal, eV. */
const LEAST_ABOVE_EV = 0.01;

/** Fill the section with the profile; it stays away where there is none. */
async function fillProfile(section, index) {
  const profiles = data.profiles;
  const [distances, energies] = await Promise.all([unpack(profiles.distance), unpack(profiles.energy)]);
  const [xs, ys] = [distances.row(index), energies.row(index)];
  if (limap.selected !== index) {
    return;
  }
  const title = 'Energy along the limiting path';
  if (ys.every(Number.isNaN)) {
    // Without an energy there is no path, and the status says why.
    if (value('migration_energy_eV', index) !== null) {
      section.replaceChildren(
        element('h3', {}, title),
        element('p', { class: 'note' }, 'No profile: a pass on the path is known on the grid only, too roughly to be drawn.'));
    }
    return;
  }
  let [low, high] = [0, 0];
  ys.forEach((y, place) => {
    if (y > ys[high] || Number.isNaN(ys[high])) { high = place; }
    if (y < ys[low] || Number.isNaN(ys[low])) { low = place; }
  });
  section.replaceChildren(
    element('h3', {}, title),
    chart({
      title: title + ', highest ' + number(ys[high]) + ' eV at ' + number(xs[high]) + ' \u00c5', xs: xs, lines: [{ ys: ys, kind: 'line' }], marks: [{ x: xs[low], y: ys[low] }, { x: xs[high], y: ys[high] }],
      xLabel: 'Distance along the path / \u00c5', yLabel: 'Energy / eV', height: 170, zero: true,
    }),
    element('p', { class: 'note' },
      (profiles.dimension ? 'Path that percolates in ' + profiles.dimension + (profiles.dimension === 1 ? ' dimension' : ' dimensions') + ': ' : '')
      + 'from lowest to highest point ' + number(ys[high] - ys[low]) + '\u00a0eV.'
      + (ys[low] > LEAST_ABOVE_EV ? ' Energies count from the lowest site of the crystal, ' + number(ys[low]) + '\u00a0eV below this path.' : '')),
  );
}

function profileSection(index) {
  if (!data.profiles) {
    return null;
  }
  const section = element('section', { id: 'profile', 'aria-label': 'Energy profile' });
  fillProfile(section, index).catch((error) => section.replaceChildren(
    element('p', { class: 'note' }, 'The energy profile could not be unpacked: ' + error.message + '.'),
  ));
  return section;
}
