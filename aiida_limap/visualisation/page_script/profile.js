// The energy of the mobile ion along the limiting path of the selected point.

/** Fill the section with the profile; it stays away where there is none. */
async function fillProfile(section, index) {
  const profiles = data.profiles;
  const [distances, energies] = await Promise.all([unpack(profiles.distance), unpack(profiles.energy)]);
  const [xs, ys] = [distances.row(index), energies.row(index)];
  if (ys.every(Number.isNaN) || limap.selected !== index) {
    return;
  }
  let [low, high] = [0, 0];
  ys.forEach((y, place) => {
    if (y > ys[high] || Number.isNaN(ys[high])) { high = place; }
    if (y < ys[low] || Number.isNaN(ys[low])) { low = place; }
  });
  const title = 'Energy along the limiting path, highest ' + number(ys[high]) + ' eV at ' + number(xs[high]) + ' \u00c5';
  section.replaceChildren(
    element('h3', {}, 'Energy along the limiting path'),
    chart({
      title: title, xs: xs, lines: [{ ys: ys, kind: 'line' }], marks: [{ x: xs[low], y: ys[low] }, { x: xs[high], y: ys[high] }],
      xLabel: 'Distance along the path / \u00c5', yLabel: 'Energy / eV', height: 170, zero: true,
    }),
    element('p', { class: 'note' },
      (profiles.dimension ? 'Path that percolates in ' + profiles.dimension + (profiles.dimension === 1 ? ' dimension' : ' dimensions') + ': ' : '')
      + 'from lowest to highest point ' + number(ys[high] - ys[low]) + '\u00a0eV.'),
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
