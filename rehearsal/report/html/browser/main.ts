/** Starts what moves on the page. Everything else on it stands there without a script. */
import type { Report } from '../../report.ts';
import { drawMachines } from './machine.ts';
import { drawTimeline } from './timeline.ts';

const report = JSON.parse(document.getElementById('report')!.textContent) as Report;
drawTimeline(document.getElementById('timeline')!, report);
drawMachines(document.getElementById('machines')!, report);

const theme = document.getElementById('theme')!;
const dark = matchMedia('(prefers-color-scheme: dark)');
const isDark = (): boolean => (document.documentElement.dataset['theme'] ?? (dark.matches ? 'dark' : 'light')) === 'dark';
const name = (): void => {
  theme.textContent = isDark() ? 'Light' : 'Dark';
};
theme.hidden = false;
theme.addEventListener('click', () => {
  document.documentElement.dataset['theme'] = isDark() ? 'light' : 'dark';
  name();
});
dark.addEventListener('change', name);
name();
