/** The one box that says what is under the pointer or has the focus; screen readers hear it too. */
export interface Details {
  readonly title: string;
  readonly lines: readonly (readonly [name: string, value: string])[];
}

const box = document.createElement('div');
box.className = 'details';
box.setAttribute('role', 'status');
box.hidden = true;

export function showDetails({ title, lines }: Details, at: DOMRect | { readonly x: number; readonly y: number }): void {
  if (!box.isConnected) document.body.append(box);
  const heading = document.createElement('strong');
  heading.textContent = title;
  const list = document.createElement('dl');
  for (const [name, value] of lines) {
    const [term, what] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = name;
    what.textContent = value;
    list.append(term, what);
  }
  box.replaceChildren(heading, list);
  box.hidden = false;
  const [from, to] = at instanceof DOMRect ? [at.top, at.bottom] : [at.y, at.y + 18];
  const { width, height } = box.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const x = at instanceof DOMRect ? Math.max(at.left, 0) : at.x + 12;
  const below = to + 8 + height <= clientHeight;
  box.style.left = `${Math.max(8, Math.min(x, clientWidth - width - 8))}px`;
  box.style.top = `${below ? to + 8 : Math.max(8, from - height - 8)}px`;
}

export function hideDetails(): void {
  box.hidden = true;
}
