/**
 * Draws a state machine with the path that one execution took: thick where it went, faint where it could have gone,
 * amber where an error was caught, red where one ended it. The shape says what a state is: a box does something, a
 * slanted one decides, a round one waits.
 */
import type { DrawnState, ObservedExecution, DrawnGraph } from '../../observed.ts';
import type { Report } from '../../report.ts';
import { hideDetails, showDetails, type Details } from './details.ts';
import { layout, type PlacedEdge, type PlacedGraph, type PlacedState, type Point, type Size } from './layout.ts';
import { pathOf, type Path, type Visit } from './path.ts';
import { button } from './timeline.ts';
import { duration, moment, placesOf, uncompressed } from './words.ts';

const stateWidth = 212;
const lineHeight = 15;
const zooms = [0.5, 0.65, 0.8, 1, 1.25, 1.5];

export function drawMachines(root: HTMLElement, { observed }: Report): void {
  const { executions, machines, compressed } = observed;
  const shown = executions.filter(({ machine }) => machines[machine] !== undefined);
  if (shown.length === 0) {
    root.textContent = 'No state machine ran.';
    return;
  }
  let zoom = zooms.indexOf(1);
  const scroller = document.createElement('div');
  scroller.className = 'machine';
  scroller.tabIndex = 0;
  scroller.setAttribute('role', 'group');
  const tabs = document.createElement('div');
  tabs.className = 'toolbar';
  tabs.setAttribute('role', 'group');
  tabs.setAttribute('aria-label', 'Executions');
  const choices = shown.map((execution, index) => {
    const ending = execution.status === 'SUCCEEDED' ? '✓' : '✗';
    const made = button(`${ending} ${execution.machine}${placesOf(shown)(execution.region)} at ${moment(execution.fromMs, 100)}`, 'Show this execution', () => choose(index), 'choice');
    tabs.append(made);
    return made;
  });
  tabs.append(button('+', 'Enlarge the drawing', () => scale(1)), button('−', 'Make the drawing smaller', () => scale(-1)));
  const at = (ms: number): string => {
    const stands = uncompressed(compressed, 0, ms);
    return stands - ms < 1 ? moment(ms, 1) : `${moment(ms, 1)} (uncompressed ${duration(stands)})`;
  };
  function choose(index: number): void {
    choices.forEach((choice, each) => choice.setAttribute('aria-pressed', String(each === index)));
    const execution = shown[index]!;
    scroller.setAttribute('aria-label', `States of ${execution.machine}. Up and down arrows walk along the path that was taken.`);
    scroller.replaceChildren(draw(machines[execution.machine]!, execution, at));
    scale(0);
  }
  function scale(by: number): void {
    zoom = Math.min(Math.max(zoom + by, 0), zooms.length - 1);
    const drawing = scroller.querySelector('svg')!;
    drawing.style.width = `${drawing.viewBox.baseVal.width * zooms[zoom]!}px`;
  }
  scroller.addEventListener('keydown', (event) => {
    const by = { '+': 1, '=': 1, '-': -1, '_': -1 }[event.key];
    if (by === undefined || event.ctrlKey || event.metaKey) return;
    scale(by);
    event.preventDefault();
  });
  root.replaceChildren(tabs, scroller);
  choose(shown.length - 1);
}

function draw(graph: DrawnGraph, execution: ObservedExecution, at: (ms: number) => string): SVGSVGElement {
  const path = pathOf(graph, execution);
  const measure = measurer();
  const lines = new Map<string, readonly string[]>();
  const sizeOf = (name: string, state: DrawnState): Size => {
    const wrapped = wrap(name, state.inside.length > 0 ? Infinity : stateWidth - 30, measure);
    lines.set(name, wrapped);
    return { width: state.inside.length > 0 ? measure(name) + 60 : stateWidth, height: wrapped.length * lineHeight + 14 };
  };
  const placed = layout(graph, { sizeOf, taken: path.taken, entered: (name) => path.visit(name) !== undefined });
  const root = svg('svg', { viewBox: `0 0 ${Math.ceil(placed.width)} ${Math.ceil(placed.height)}` });
  const groups: { readonly group: SVGElement; readonly firstMs: number }[] = [];
  drawGraph(placed, root);
  // Along the path in the order in which it was taken; then whatever was not.
  groups.sort((a, b) => a.firstMs - b.firstMs);
  groups.forEach(({ group }, index) => {
    group.setAttribute('tabindex', index === 0 ? '0' : '-1');
    group.addEventListener('keydown', (event) => {
      const to = groups[index + ({ ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key] ?? NaN)];
      if (to === undefined) return;
      group.setAttribute('tabindex', '-1');
      to.group.setAttribute('tabindex', '0');
      to.group.focus();
      event.preventDefault();
    });
  });
  return root;

  function drawGraph({ states, edges }: PlacedGraph, into: SVGElement): void {
    // What was taken lies above what was not.
    for (const edge of edges.toSorted((a, b) => a.taken - b.taken)) into.append(drawEdge(edge));
    for (const state of states) into.append(drawState(state));
  }

  function drawState(placedState: PlacedState): SVGElement {
    const { name, state, x, y, width, height, inside } = placedState;
    const visit = path.visit(name);
    const condition = conditionOf(visit);
    const group = svg('g', { class: `state ${condition}`, transform: `translate(${x} ${y})`, role: 'img', 'aria-label': spoken(name, state, visit) });
    group.append(shapeOf(state, width, height));
    const text = lines.get(name)!;
    text.forEach((line, index) => {
      const across = inside.length > 0 ? { x: 14, 'text-anchor': 'start' } : { x: width / 2, 'text-anchor': 'middle' };
      const label = svg('text', { ...across, y: 7 + lineHeight * (index + 0.78) });
      label.textContent = line;
      group.append(label);
    });
    const marks = [
      ...(visit !== undefined && visit.entered > 1 ? [`×${visit.entered}`] : []),
      ...(condition === 'caught' ? ['caught'] : []),
      ...(condition === 'failed' ? ['failed'] : []),
      ...(visit?.troubles.some((trouble) => trouble.kind === 'retried') === true ? ['retried'] : []),
    ].join(' · ');
    if (marks !== '') {
      const tagWidth = measure(marks) * 0.92 + 12;
      const tag = svg('g', { class: 'tag', transform: `translate(${width - tagWidth + 8} -8)` });
      const label = svg('text', { x: tagWidth / 2, y: 12, 'text-anchor': 'middle' });
      label.textContent = marks;
      tag.append(svg('rect', { width: tagWidth, height: 17, rx: 8.5 }), label);
      group.append(tag);
    }
    const tell = (): void => showDetails(detailsOf(name, state, visit, path, at), group.firstElementChild!.getBoundingClientRect());
    group.addEventListener('pointerover', (event) => {
      event.stopPropagation();
      tell();
    });
    group.addEventListener('pointerleave', hideDetails);
    group.addEventListener('focus', tell);
    group.addEventListener('blur', hideDetails);
    groups.push({ group, firstMs: visit?.firstMs ?? Infinity });
    for (const branch of inside) {
      const branchGroup = svg('g', { transform: `translate(${branch.x} ${branch.y})` });
      drawGraph(branch, branchGroup);
      group.append(branchGroup);
    }
    return group;
  }
}

/** Its worst, for the border. */
function conditionOf(visit: Visit | undefined): 'untaken' | 'taken' | 'caught' | 'failed' {
  if (visit === undefined) return 'untaken';
  const kinds = visit.troubles.map((trouble) => trouble.kind);
  return kinds.includes('failed') ? 'failed' : kinds.includes('caught') ? 'caught' : 'taken';
}

function detailsOf(name: string, state: DrawnState, visit: Visit | undefined, path: Path, at: (ms: number) => string): Details {
  return {
    title: name,
    lines: [
      ['what', `${state.type}. ${state.comment}`],
      ['entered', visit === undefined ? 'never' : `${visit.entered === 1 ? 'once' : `${visit.entered} times`}, first at ${at(visit.firstMs)}`],
      ...(visit?.troubles ?? []).slice(0, 3).map((trouble) => [trouble.kind, `${trouble.error ?? ''}: ${(trouble.cause ?? '').slice(0, 200)}`] as const),
      ...state.next.filter((edge) => edge.kind !== 'next').map((edge) => {
        const times = path.taken(name, edge.to);
        return [edge.kind === 'catch' ? 'catches' : 'may go', `${edge.label} → ${edge.to}${times > 0 ? ` (taken${times > 1 ? ` ${times} times` : ''})` : ''}`] as const;
      }),
    ],
  };
}

function spoken(name: string, state: DrawnState, visit: Visit | undefined): string {
  const times = visit === undefined ? 'not taken' : visit.entered === 1 ? 'taken' : `taken ${visit.entered} times`;
  return [name, state.type, times, ...(visit?.troubles ?? []).map((trouble) => `${trouble.kind} ${trouble.error ?? ''}`)].join(', ');
}

function shapeOf({ type, inside }: DrawnState, width: number, height: number): SVGElement {
  if (inside.length > 0) return svg('rect', { class: 'frame', width, height, rx: 6 });
  if (type === 'Choice') {
    const slant = 11;
    const corners = [[slant, 0], [width - slant, 0], [width, height / 2], [width - slant, height], [slant, height], [0, height / 2]];
    return svg('polygon', { points: corners.map((corner) => corner.join(',')).join(' ') });
  }
  if (type === 'Wait' || type === 'Succeed' || type === 'Fail') return svg('rect', { width, height, rx: height / 2 });
  return svg('rect', { width, height, rx: 4 });
}

function drawEdge({ edge, taken, points }: PlacedEdge): SVGElement {
  const group = svg('g', { class: `edge ${edge.kind} ${taken > 0 ? 'taken' : 'untaken'}` });
  group.append(svg('path', { d: curve(points), fill: 'none' }), arrowhead(points));
  return group;
}

/** Upright where it leaves, passes and arrives. */
function curve(points: readonly Point[]): string {
  return points.map(({ x, y }, index) => {
    const before = points[index - 1];
    if (before === undefined) return `M${x} ${y}`;
    const middle = (before.y + y) / 2;
    return x === before.x ? `V${y}` : `C${before.x} ${middle} ${x} ${middle} ${x} ${y}`;
  }).join('');
}

function arrowhead(points: readonly Point[]): SVGElement {
  const { x, y } = points.at(-1)!;
  const back = y > points.at(-2)!.y ? -7 : 7;
  return svg('path', { class: 'head', d: `M${x} ${y}l-4 ${back}h8z` });
}

function measurer(): (text: string) => number {
  const context = document.createElement('canvas').getContext('2d')!;
  context.font = `12.5px ${getComputedStyle(document.body).fontFamily}`;
  return (text) => context.measureText(text).width;
}

function wrap(text: string, width: number, measure: (text: string) => number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)!} ${word}`;
    if (lines.length === 0 || measure(longer) > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

function svg<Tag extends keyof SVGElementTagNameMap>(tag: Tag, attributes: Readonly<Record<string, string | number>>): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}
