// Light and dark: as the system says, until the button says otherwise; remembered while the tab is open.

const THEME_KEY = 'limap-theme';
const systemDark = window.matchMedia('(prefers-color-scheme: dark)');

function attachTheme() {
  const root = document.documentElement;
  const stored = () => {
    try {
      return sessionStorage.getItem(THEME_KEY);
    } catch (error) {
      // Browsers may refuse storage to a file; the choice then lasts until the page is left.
      return null;
    }
  };
  const dress = (theme) => {
    root.dataset.theme = theme;
    byId('theme').textContent = theme === 'dark' ? 'Light' : 'Dark';
    byId('theme').setAttribute('aria-label', 'Switch to ' + (theme === 'dark' ? 'light' : 'dark') + ' colours');
  };
  dress(stored() || (systemDark.matches ? 'dark' : 'light'));
  systemDark.addEventListener('change', () => dress(stored() || (systemDark.matches ? 'dark' : 'light')));
  byId('theme').hidden = false;
  byId('theme').addEventListener('click', () => {
    dress(root.dataset.theme === 'dark' ? 'light' : 'dark');
    try {
      sessionStorage.setItem(THEME_KEY, root.dataset.theme);
    } catch (error) {
      byId('theme').title = 'This browser does not remember the choice.';
    }
  });
}
