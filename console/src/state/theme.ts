import { createStore } from './store.js';

export type Theme = 'light' | 'dark';

const preferred = window.matchMedia('(prefers-color-scheme: dark)');

/** The system's until somebody chooses; the choice lasts as long as the page. */
export const theme = createStore<Theme>(preferred.matches ? 'dark' : 'light');

let isChosen = false;
preferred.addEventListener('change', ({ matches }) => {
  if (!isChosen) show(matches ? 'dark' : 'light');
});

export function switchTheme(): void {
  isChosen = true;
  show(theme.value === 'dark' ? 'light' : 'dark');
}

function show(value: Theme): void {
  document.documentElement.dataset['theme'] = value;
  theme.set(value);
}

show(theme.value);
