// Tabs of the side panel, and keys for what is done often.

const TABS = ['point', 'place', 'filter', 'selection'];

function openTab(name, focus) {
  for (const tab of TABS) {
    const chosen = tab === name;
    byId('tab-' + tab).setAttribute('aria-selected', String(chosen));
    byId('tab-' + tab).tabIndex = chosen ? 0 : -1;
    byId('view-' + tab).hidden = !chosen;
  }
  limap.tab = name;
  if (focus) {
    byId('tab-' + name).focus();
  }
}

function attachTabs() {
  TABS.forEach((tab, place) => {
    byId('tab-' + tab).addEventListener('click', () => openTab(tab));
    byId('tab-' + tab).addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = event.key === 'Home' ? 0 : event.key === 'End' ? TABS.length - 1 : step === undefined ? -1 : (place + step + TABS.length) % TABS.length;
      if (next >= 0) {
        event.preventDefault();
        openTab(TABS[next], true);
      }
    });
  });
  openTab('point');
}

function cycle(field) {
  field.selectedIndex = (field.selectedIndex + 1) % field.options.length;
  field.dispatchEvent(new Event('change'));
  announce(field.selectedOptions[0].textContent);
}

/** Keys by themselves, where nobody types. */
const SHORTCUTS = {
  '/': () => { byId('search').focus(); byId('search').select(); },
  f: () => { openTab('filter'); byId('filter-all').focus(); },
  s: () => openTab('selection', true),
  i: () => openTab('point', true),
  m: () => byId('map-frame').focus(),
  c: () => byId('colour').focus(),
  b: () => cycle(byId('background')),
  d: () => byId('contours').click(),
  t: () => byId('theme').click(),
  n: () => byId('next').click(),
  p: () => byId('previous').click(),
  '?': () => byId('about-open').click(),
};

function attachKeys() {
  document.addEventListener('keydown', (event) => {
    const target = event.composedPath()[0];
    const types = /^(input|select|textarea)$/i.test(target.tagName || '') && !/^(checkbox|radio|button)$/.test(target.type || '');
    if (event.ctrlKey || event.metaKey || event.altKey || types || byId('about').open) {
      return;
    }
    if (event.key === 'Escape' && limap.tool !== 'zoom' && limap.bent) {
      useTool('zoom');
    } else if (Object.hasOwn(SHORTCUTS, event.key)) {
      event.preventDefault();
      SHORTCUTS[event.key]();
    }
  });
}
