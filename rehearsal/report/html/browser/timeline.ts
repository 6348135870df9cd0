/**
 * The time line: lanes over one axis of real time, with the uncompressed time beneath it. A few dozen boxes are
 * elements, so that they can be focused and read out; the orders, of which there may be thousands, are drawn on a
 * canvas: each as a mark when there is room for it, else as columns that are the higher the more there are. A refused
 * order is always seen.
 */
import type { Report } from '../../report.ts';
import { hideDetails, showDetails, type Details } from './details.ts';
import { besides, duration, moment, placesOf, shareOf, uncompressed } from './words.ts';

interface View {
  readonly fromMs: number;
  readonly toMs: number;
}
/** A box in a lane. */
interface Item extends View {
  readonly label: string;
  readonly kind: string;
  /** The row within its lane. */
  readonly row: number;
  /** How much of its budget a step took. */
  readonly share?: number;
  readonly details: Details;
}
interface Lane {
  readonly name: string;
  readonly hint: string;
  readonly items: readonly Item[];
  readonly rowHeight: number;
  /** Room for what the canvas draws. */
  readonly height: number;
}
interface PlacedLane extends Lane {
  readonly top: number;
  readonly element: HTMLElement;
  readonly boxes: readonly HTMLElement[];
}

const rulerHeight = 46;
const laneTitleHeight = 26;
const laneGap = 14;
const ordersHeight = 84;
/** Where in the orders' lane accepted ones stand and refused ones hang. */
const ordersBaseline = 58;
const acceptedHeight = 40;
/** An order gets a mark of its own when there is so much room for it; else a column stands for several at least. */
const roomForMarkPx = 2.2;
const ordersInColumn = 6;
const narrowestColumnPx = 3;
const markPx = 2;
/** Refused orders closer together than this are one cross. */
const crossPx = 3;
const closestMs = 2;
const narrowPx = 3;

export function drawTimeline(root: HTMLElement, report: Report): void {
  const { observed, lease, steps } = report;
  const { orders, compressed } = observed;
  const endMs = Math.max(
    1, report.durationMs, ...steps.map((step) => step.endMs), ...observed.executions.map((each) => each.toMs), orders.at(-1)?.atMs ?? 0,
  );
  const whole: View = { fromMs: 0, toMs: endMs };
  let view = whole;
  let width = 1;

  const plot = element('div', 'plot');
  plot.tabIndex = 0;
  plot.setAttribute('role', 'group');
  plot.setAttribute('aria-label', `Time line of ${duration(endMs)}. Plus and minus zoom, arrows move, 0 shows everything. Tab goes through the lanes.`);
  const canvas = document.createElement('canvas');
  canvas.setAttribute('aria-hidden', 'true');
  plot.append(canvas);

  const lanes = placeLanes(lanesOf(report));
  const height = lanes.reduce((bottom, lane) => Math.max(bottom, lane.top + laneTitleHeight + lane.height), 0) + laneGap;
  plot.style.height = `${height}px`;
  for (const lane of lanes) plot.append(lane.element);
  const ordersLane = lanes.find((lane) => lane.name === 'Orders')!;
  const colourOfEpoch = new Map(lease.map((tenure) => [tenure.epoch, tenure.colour ?? 'nobody']));

  const toolbar = element('div', 'toolbar');
  const reading = element('span', 'reading');
  toolbar.append(
    button('+', 'Zoom in', () => zoom(1 / 1.6)),
    button('−', 'Zoom out', () => zoom(1.6)),
    button('Everything', 'Show the whole run', () => glide(whole)),
    ...observed.handovers.map((handover) => button(
      `Epoch ${handover.fromEpoch} → ${handover.toEpoch}: ${duration(handover.toMs - handover.fromMs)}`,
      `Show the change of hands from epoch ${handover.fromEpoch} to ${handover.toEpoch}`,
      () => glide(around(handover)),
      'jump',
    )),
    reading,
  );
  root.replaceChildren(toolbar, plot);

  const xOf = (ms: number): number => ((ms - view.fromMs) / (view.toMs - view.fromMs)) * width;
  const msAt = (x: number): number => view.fromMs + (x / width) * (view.toMs - view.fromMs);

  function show(next: View): void {
    const span = Math.min(Math.max(next.toMs - next.fromMs, closestMs), endMs);
    const fromMs = Math.min(Math.max(next.fromMs, 0), endMs - span);
    view = { fromMs, toMs: fromMs + span };
    schedule();
  }
  function zoom(factor: number, aroundMs = (view.fromMs + view.toMs) / 2): void {
    gliding += 1;
    show({ fromMs: aroundMs - (aroundMs - view.fromMs) * factor, toMs: aroundMs + (view.toMs - aroundMs) * factor });
  }
  function move(byPx: number): void {
    gliding += 1;
    const byMs = (byPx / width) * (view.toMs - view.fromMs);
    show({ fromMs: view.fromMs + byMs, toMs: view.toMs + byMs });
  }
  /** Moves there so that the eye can follow. */
  let gliding = 0;
  function glide(to: View): void {
    const mine = (gliding += 1);
    const from = view;
    const began = performance.now();
    const glideMs = matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 450;
    const frame = (): void => {
      if (mine !== gliding) return;
      const done = glideMs === 0 ? 1 : Math.min(1, (performance.now() - began) / glideMs);
      const eased = 1 - (1 - done) ** 3;
      // In powers, as zooming is: otherwise the last of a deep zoom comes all at once.
      const span = (from.toMs - from.fromMs) ** (1 - eased) * (to.toMs - to.fromMs) ** eased;
      const share = from.toMs - from.fromMs === to.toMs - to.fromMs ? eased
        : (from.toMs - from.fromMs - span) / (from.toMs - from.fromMs - (to.toMs - to.fromMs));
      const fromMs = from.fromMs + (to.fromMs - from.fromMs) * share;
      show({ fromMs, toMs: fromMs + span });
      if (done < 1) requestAnimationFrame(frame);
    };
    frame();
  }
  const around = ({ fromMs, toMs }: View): View => {
    const margin = Math.max((toMs - fromMs) * 1.5, 20);
    return { fromMs: fromMs - margin, toMs: toMs + margin };
  };
  const spansOf = (fromMs: number, toMs: number): string => {
    const longer = uncompressed(compressed, fromMs, toMs);
    return longer - (toMs - fromMs) < 1 ? duration(toMs - fromMs) : `${duration(toMs - fromMs)}, uncompressed ${duration(longer)}`;
  };

  let scheduled = false;
  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      draw();
    });
  }

  function draw(): void {
    width = Math.max(1, plot.clientWidth);
    placeBoxes();
    const context = prepare(canvas, width, height);
    const colour = coloursOf(plot);
    drawRuler(context, colour);
    drawGaps(context, colour);
    drawOrders(context, colour);
    drawInjections(context, colour);
    const { fromMs, toMs } = view;
    reading.textContent = `${moment(fromMs, (toMs - fromMs) / 10)} – ${moment(toMs, (toMs - fromMs) / 10)}`;
    plot.dataset['from'] = String(Math.round(fromMs));
    plot.dataset['to'] = String(Math.round(toMs));
  }

  function placeBoxes(): void {
    for (const lane of lanes) {
      lane.items.forEach((item, index) => {
        const box = lane.boxes[index]!;
        const [left, right] = [Math.max(xOf(item.fromMs), -2), Math.min(xOf(item.toMs), width + 2)];
        const visible = right >= 0 && left <= width;
        // Kept while it has the focus, or the keyboard would lose its place.
        box.hidden = !visible && box !== document.activeElement;
        box.style.left = `${Math.min(left, width)}px`;
        box.style.width = `${Math.max(narrowPx, right - left)}px`;
        box.classList.toggle('narrow', right - left < 40);
        if (!item.kind.startsWith('fault')) return;
        // What went wrong is to be read whole: its words stay within the plot, wherever its mark is.
        const label = box.lastElementChild as HTMLElement;
        label.style.translate = `${Math.max(-left, Math.min(0, width - left - label.offsetWidth))}px`;
      });
    }
  }

  function drawRuler(context: CanvasRenderingContext2D, colour: Colours): void {
    const ticks = ticksOf(view, width);
    context.font = colour.font;
    for (const { fromMs, toMs } of compressed) {
      const [left, right] = [Math.max(0, xOf(fromMs)), Math.min(width, xOf(toMs))];
      if (right <= left) continue;
      context.fillStyle = colour.band;
      context.fillRect(left, 0, right - left, height);
    }
    for (const ms of ticks.at) {
      const x = xOf(ms);
      context.fillStyle = colour.rule;
      context.fillRect(Math.round(x), rulerHeight - 4, 1, height - rulerHeight);
      const text = moment(ms, ticks.everyMs);
      const half = context.measureText(text).width / 2;
      if (x - half < 0 || x + half > width) continue;
      context.textAlign = 'center';
      context.fillStyle = colour.ink;
      context.fillText(text, x, 14);
      if (compressed.length === 0) continue;
      context.fillStyle = colour.muted;
      context.fillText(duration(uncompressed(compressed, 0, ms)), x, 30);
    }
  }

  function drawGaps(context: CanvasRenderingContext2D, colour: Colours): void {
    const top = ordersLane.top + laneTitleHeight;
    for (const { fromMs, toMs } of observed.handovers) {
      const [left, right] = [xOf(fromMs), xOf(toMs)];
      if (right < 0 || left > width) continue;
      context.fillStyle = colour.gap;
      context.fillRect(left, lanes[0]!.top + laneTitleHeight, Math.max(1, right - left), top + ordersHeight - lanes[0]!.top - laneTitleHeight);
      context.strokeStyle = colour.ink;
      context.lineWidth = 1;
      if (right - left < 24) continue;
      // An arrow to both sides, as on a drawing with measures.
      const y = top + ordersBaseline - acceptedHeight / 2;
      context.beginPath();
      for (const [x, inward] of [[left, 1], [right, -1]] as const) {
        context.moveTo(x + 6 * inward, y - 4);
        context.lineTo(x + inward, y);
        context.lineTo(x + 6 * inward, y + 4);
      }
      context.moveTo(left + 1, y);
      context.lineTo(right - 1, y);
      context.stroke();
      const text = duration(toMs - fromMs);
      context.font = colour.boldFont;
      const room = context.measureText(text).width + 14;
      const middle = (Math.max(left, 0) + Math.min(right, width)) / 2;
      if (right - left < room + 24) continue;
      context.fillStyle = colour.surface;
      context.fillRect(middle - room / 2, y - 10, room, 20);
      context.fillStyle = colour.ink;
      context.textAlign = 'center';
      context.fillText(text, middle, y + 4);
    }
  }

  function drawOrders(context: CanvasRenderingContext2D, colour: Colours): void {
    const baseline = ordersLane.top + laneTitleHeight + ordersBaseline;
    context.fillStyle = colour.rule;
    context.fillRect(0, baseline, width, 1);
    const [first, last] = [lowerBound(view.fromMs), lowerBound(view.toMs)];
    const single = (last - first) * roomForMarkPx <= width;
    const columnPx = Math.max(narrowestColumnPx, Math.ceil((ordersInColumn * width) / Math.max(1, last - first)));
    const wide = Math.min(markPx, Math.max(1, width / Math.max(1, last - first) - 1.2));
    const columns = new Map<number, number>();
    const refused = new Map<number, number>();
    let highest = 1;
    for (let index = first; index < last; index += 1) {
      const { atMs, accepted, epoch } = orders[index]!;
      const x = xOf(atMs);
      if (!accepted) {
        const cross = Math.round(x / crossPx) * crossPx;
        refused.set(cross, (refused.get(cross) ?? 0) + 1);
      } else if (single) {
        context.fillStyle = colour.of(colourOfEpoch.get(epoch ?? -1) ?? 'nobody');
        context.fillRect(x - wide / 2, baseline - acceptedHeight, wide, acceptedHeight);
      } else {
        const column = Math.floor(x / columnPx);
        const count = (columns.get(column) ?? 0) + 1;
        columns.set(column, count);
        highest = Math.max(highest, count);
      }
    }
    for (const [column, count] of columns) {
      const order = orders[lowerBound(msAt(column * columnPx))];
      context.fillStyle = colour.of(colourOfEpoch.get(order?.epoch ?? -1) ?? 'nobody');
      const tall = 6 + (acceptedHeight - 6) * (count / highest);
      context.fillRect(column * columnPx, baseline - tall, columnPx - 1, tall);
    }
    context.strokeStyle = colour.bad;
    context.lineWidth = 1.6;
    context.fillStyle = colour.bad;
    context.font = colour.font;
    context.textAlign = 'left';
    for (const [x, count] of refused) {
      if (count > 1) context.fillText(`${count}`, x + 7, baseline + 14);
      context.beginPath();
      context.moveTo(x - 3.5, baseline + 6);
      context.lineTo(x + 3.5, baseline + 13);
      context.moveTo(x + 3.5, baseline + 6);
      context.lineTo(x - 3.5, baseline + 13);
      context.stroke();
    }
    if (walked !== undefined) {
      const x = xOf(orders[walked]!.atMs);
      context.strokeStyle = colour.focus;
      context.lineWidth = 2;
      context.strokeRect(x - 4, baseline - acceptedHeight - 4, 8, acceptedHeight + 8);
    }
  }

  function drawInjections(context: CanvasRenderingContext2D, colour: Colours): void {
    context.strokeStyle = colour.bad;
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    for (const { fromMs } of observed.injected) {
      const x = Math.round(xOf(fromMs)) + 0.5;
      context.beginPath();
      context.moveTo(x, rulerHeight);
      context.lineTo(x, height);
      context.stroke();
    }
    context.setLineDash([]);
  }

  /** The first order at or after this moment. */
  function lowerBound(ms: number): number {
    let [low, high] = [0, orders.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (orders[middle]!.atMs < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function detailsOfOrder(index: number): Details {
    const { atMs, accepted, code, epoch, clientOrderId } = orders[index]!;
    const holder = lease.find((tenure) => tenure.epoch === epoch)?.holder;
    return {
      title: accepted ? `Order ${index + 1} of ${orders.length}: accepted` : `Order ${index + 1} of ${orders.length}: refused with code ${code}`,
      lines: [
        ['when', atTime(atMs)],
        ['epoch', epoch === null ? 'none: not one of ours' : `${epoch}${holder == null ? '' : `, ${holder}`}`],
        ['client order id', clientOrderId ?? 'none'],
        ...(index === 0 ? [] : [['after the one before', duration(atMs - orders[index - 1]!.atMs)] as const]),
      ],
    };
  }
  const atTime = (ms: number): string => {
    const stands = uncompressed(compressed, 0, ms);
    return stands - ms < 1 ? moment(ms, 1) : `${moment(ms, 1)} (uncompressed ${duration(stands)})`;
  };

  // Orders by keyboard: the lane is one stop, arrows walk through it.
  let walked: number | undefined;
  function walk(to: number): void {
    if (orders.length === 0) return;
    walked = Math.min(Math.max(to, 0), orders.length - 1);
    bringIntoView({ fromMs: orders[walked]!.atMs, toMs: orders[walked]!.atMs });
    draw();
    const box = ordersLane.element.getBoundingClientRect();
    showDetails(detailsOfOrder(walked), new DOMRect(box.left + xOf(orders[walked]!.atMs) - 4, box.top, 8, box.height));
  }
  function bringIntoView({ fromMs, toMs }: View): void {
    if (toMs >= view.fromMs && fromMs <= view.toMs) return;
    const half = (view.toMs - view.fromMs) / 2;
    show({ fromMs: fromMs - half, toMs: fromMs + half });
  }
  ordersLane.element.addEventListener('blur', () => {
    walked = undefined;
    hideDetails();
    schedule();
  });
  ordersLane.element.addEventListener('focus', () => {
    if (ordersLane.element.matches(':focus-visible')) walk(lowerBound(view.fromMs));
  });

  for (const lane of lanes) {
    lane.items.forEach((item, index) => {
      const box = lane.boxes[index]!;
      const tell = (): void => showDetails({ title: item.details.title, lines: [...item.details.lines, ...whenOf(item)] }, box.getBoundingClientRect());
      box.addEventListener('pointerenter', tell);
      box.addEventListener('pointerleave', hideDetails);
      box.addEventListener('focus', () => {
        bringIntoView(item);
        draw();
        tell();
      });
      box.addEventListener('blur', hideDetails);
      box.addEventListener('dblclick', () => glide(around(item)));
    });
  }
  const whenOf = ({ fromMs, toMs }: View): readonly (readonly [string, string])[] =>
    fromMs === toMs ? [['when', atTime(fromMs)]] : [['from', atTime(fromMs)], ['lasted', spansOf(fromMs, toMs)]];

  plot.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const sideways = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const lane = lanes.find((each) => each.element === event.target || each.boxes.includes(event.target as HTMLElement));
    if (event.key === '+' || event.key === '=') zoom(1 / 1.6, focusedMs());
    else if (event.key === '-' || event.key === '_') zoom(1.6, focusedMs());
    else if (event.key === '0') glide(whole);
    else if (event.key === 'Escape') hideDetails();
    else if (sideways === 0) return;
    else if (event.shiftKey || lane === undefined) move(sideways * width * 0.15);
    else if (lane === ordersLane) walk((walked ?? lowerBound(view.fromMs) - sideways) + sideways);
    else stepTo(lane, event.target as HTMLElement, sideways);
    event.preventDefault();
  });
  function focusedMs(): number | undefined {
    return walked === undefined ? undefined : orders[walked]!.atMs;
  }
  function stepTo(lane: PlacedLane, from: HTMLElement, sideways: number): void {
    const to = lane.boxes[lane.boxes.indexOf(from) + sideways];
    if (to === undefined) return;
    from.tabIndex = -1;
    to.tabIndex = 0;
    to.hidden = false;
    to.focus({ preventScroll: true });
  }

  // Wheel: with Ctrl always (and so does a pinch on a touchpad); alone only once the time line was touched,
  // or nobody could scroll past it.
  plot.addEventListener('wheel', (event) => {
    const engaged = event.ctrlKey || event.metaKey || plot.contains(document.activeElement);
    if (!engaged) return;
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) move(event.deltaX);
    else zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 200), msAt(event.clientX - plot.getBoundingClientRect().left));
  }, { passive: false });

  const pointers = new Map<number, number>();
  plot.addEventListener('pointerdown', (event) => {
    pointers.set(event.pointerId, event.clientX);
    plot.focus({ preventScroll: true });
  });
  for (const end of ['pointerup', 'pointercancel'] as const) {
    window.addEventListener(end, (event) => void pointers.delete(event.pointerId));
  }
  plot.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) {
      hover(event);
      return;
    }
    hideDetails();
    const left = plot.getBoundingClientRect().left;
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, event.clientX);
    if (other === undefined) {
      if (event.clientX !== before) plot.setPointerCapture(event.pointerId);
      move(before - event.clientX);
      return;
    }
    const apart = Math.abs(event.clientX - other);
    if (apart > 4) zoom(Math.abs(before - other) / apart, msAt(other - left));
  });
  plot.addEventListener('pointerleave', hideDetails);

  function hover(event: PointerEvent): void {
    const { left, top } = plot.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top - ordersLane.top - laneTitleHeight];
    if (y < 0 || y > ordersHeight) {
      if (event.target === plot || event.target === canvas) hideDetails();
      return;
    }
    const index = nearest(msAt(x));
    if (index === undefined || Math.abs(xOf(orders[index]!.atMs) - x) > 6) hideDetails();
    else showDetails(detailsOfOrder(index), { x: event.clientX, y: event.clientY });
  }
  function nearest(ms: number): number | undefined {
    const after = lowerBound(ms);
    return [after - 1, after]
      .filter((index) => orders[index] !== undefined)
      .sort((a, b) => Math.abs(orders[a]!.atMs - ms) - Math.abs(orders[b]!.atMs - ms))[0];
  }

  new ResizeObserver(schedule).observe(plot);
  new MutationObserver(schedule).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  for (const query of ['(prefers-color-scheme: dark)', 'print']) matchMedia(query).addEventListener('change', draw);
  draw();
}

/** Each Region has a row; a time in which nobody holds the book stays in the row of who held it before. */
function tenureRowsOf(lease: Report['lease'], regions: readonly string[]): readonly number[] {
  let row = 0;
  return lease.map(({ region }) => {
    if (region !== null) row = regions.indexOf(region);
    return row;
  });
}

function lanesOf({ lease, steps, faults, observed }: Report): readonly Lane[] {
  const { orders, executions, injected } = observed;
  const end = Math.max(...steps.map((step) => step.endMs), ...executions.map((each) => each.toMs), orders.at(-1)?.atMs ?? 0);
  const refused = orders.filter((order) => !order.accepted).length;
  const stacked = rowsOf(steps.map((step) => ({ fromMs: step.startMs, toMs: step.endMs })));
  const stepRows = Math.max(0, ...stacked) + 1;
  const executionRows = rowsOf(executions);
  const executionRowCount = Math.max(-1, ...executionRows) + 1;
  const inRegion = placesOf(executions);
  const regions = [...new Set(lease.flatMap(({ region }) => region ?? []))];
  const tenureRows = tenureRowsOf(lease, regions);
  return [
    {
      name: 'Who holds the lease', hint: regions.length > 1 ? `a row for each Region: ${regions.join(', ')}` : '', rowHeight: 30,
      height: 30 * Math.max(1, regions.length),
      items: lease.map((tenure, index) => ({
        fromMs: tenure.fromMs, toMs: tenure.toMs ?? end, row: tenureRows[index]!, kind: `tenure ${tenure.colour ?? 'nobody'}`,
        label: tenure.holder === null ? `nobody · epoch ${tenure.epoch}` : `${regions.length > 1 ? `${tenure.region} · ` : ''}${tenure.colour} · epoch ${tenure.epoch}`,
        details: {
          title: tenure.holder ?? 'Nobody',
          lines: [['epoch', String(tenure.epoch)], ['how', tenure.reason], ...(tenure.region === null ? [] : [['Region', tenure.region] as const])],
        },
      })),
    },
    {
      name: 'Orders', hint: `${orders.length - refused} accepted above the line, ${refused} refused below it (✗)`, items: [], rowHeight: 0, height: ordersHeight,
    },
    {
      name: 'Workflow', hint: 'the fill of a step is the share of its budget that it took', rowHeight: 26, height: 26 * (executionRowCount + stepRows),
      items: [
        ...executions.map((each, index) => ({
          fromMs: each.fromMs, toMs: each.toMs, row: executionRows[index]!, kind: `execution ${each.status === 'SUCCEEDED' ? '' : 'failed'}`,
          label: `${each.machine}${inRegion(each.region)}: ${each.status.toLowerCase()}`,
          details: {
            title: `${each.machine}${inRegion(each.region)}: ${each.error ?? each.status}`,
            lines: [['execution', each.name] as const, ...(each.cause === undefined ? [] : [['why', each.cause] as const])],
          },
        })),
        ...steps.map((step, index): Item => ({
          share: shareOf(step, steps),
          fromMs: step.startMs, toMs: step.endMs, row: executionRowCount + stacked[index]!, kind: `step ${step.status}`,
          label: step.status === 'succeeded' ? step.name : `✗ ${step.name}`,
          details: {
            title: `${step.name}: ${step.status}`,
            lines: [['budget', besides(step, steps)
              ? `${duration(step.budgetMs)}; beside another step, so its uncompressed time is at most ${duration(step.modelledMs)}`
              : `${duration(step.modelledMs)} of ${duration(step.budgetMs)}, ${percent(step.modelledMs, step.budgetMs)}`]],
          },
        })),
      ],
    },
    {
      name: 'Faults', hint: injected.length > 0 ? '' : faults.length > 0 ? `${faults.join(', ')}, from the beginning` : 'none was injected', rowHeight: 26, height: 26 * injected.length,
      items: injected.map(({ what, fromMs, toMs }, index) => ({
        fromMs, toMs: toMs ?? fromMs, row: index, kind: toMs === null ? 'fault blow' : 'fault', label: what, details: { title: what, lines: [] },
      })),
    },
  ];
}

export function percent(part: number, whole: number): string {
  const share = (part / whole) * 100;
  return share > 0 && share < 1 ? 'under 1 %' : `${Math.round(share)} %`;
}

/** The first row in which each fits beside those before it. */
function rowsOf(spans: readonly View[]): readonly number[] {
  const ends: number[] = [];
  return spans.map(({ fromMs, toMs }) => {
    const free = ends.findIndex((end) => end <= fromMs + 1);
    const row = free === -1 ? ends.length : free;
    ends[row] = toMs;
    return row;
  });
}

function placeLanes(lanes: readonly Lane[]): readonly PlacedLane[] {
  let top = rulerHeight + laneGap;
  return lanes.map((lane) => {
    const at = element('div', 'lane');
    at.style.top = `${top}px`;
    at.style.height = `${laneTitleHeight + lane.height}px`;
    at.setAttribute('role', lane.items.length > 0 ? 'list' : 'group');
    at.setAttribute('aria-label', lane.hint === '' ? lane.name : `${lane.name}: ${lane.hint}`);
    const title = element('div', 'lane-title');
    title.textContent = lane.name;
    const hint = element('span', 'hint');
    hint.textContent = lane.hint;
    title.append(hint);
    at.append(title);
    if (lane.items.length === 0 && lane.height > 0) at.tabIndex = 0;
    const boxes = lane.items.map((item, index) => {
      const box = element('div', `item ${item.kind}`);
      box.setAttribute('role', 'listitem');
      box.setAttribute('aria-label', [item.label, ...item.details.lines.map((line) => line.join(' '))].join(', '));
      box.tabIndex = index === 0 ? 0 : -1;
      box.style.top = `${laneTitleHeight + item.row * lane.rowHeight}px`;
      box.style.height = `${lane.rowHeight - 4}px`;
      const label = element('span', 'label');
      label.textContent = item.label;
      if (item.share !== undefined) {
        const fill = element('span', 'fill');
        fill.style.width = `${Math.min(100, item.share * 100)}%`;
        box.append(fill);
      }
      box.append(label);
      return box;
    });
    at.append(...boxes);
    const placed = { ...lane, top, element: at, boxes };
    top += laneTitleHeight + lane.height + laneGap;
    return placed;
  });
}

interface Colours {
  readonly ink: string;
  readonly muted: string;
  readonly rule: string;
  readonly band: string;
  readonly gap: string;
  readonly bad: string;
  readonly focus: string;
  readonly surface: string;
  readonly font: string;
  readonly boldFont: string;
  readonly of: (colour: string) => string;
}

/** The canvas takes its colours from the style sheet, as everything else does. */
function coloursOf(within: HTMLElement): Colours {
  const probe = within.appendChild(element('span', ''));
  const style = getComputedStyle(probe);
  const family = style.fontFamily;
  const read = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return style.color;
  };
  const named = Object.fromEntries(['blue', 'green', 'nobody'].map((name) => [name, read(name)]));
  const colours = {
    ink: read('ink'), muted: read('muted'), rule: read('rule'), band: read('band'), gap: read('gap'), bad: read('bad'), focus: read('focus'),
    surface: read('surface'), font: `12px ${family}`, boldFont: `600 12px ${family}`, of: (colour: string) => named[colour] ?? named['nobody']!,
  };
  probe.remove();
  return colours;
}

function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d')!;
  context.scale(ratio, ratio);
  return context;
}

/** Round times, some hundred pixels apart. */
function ticksOf({ fromMs, toMs }: View, width: number): { readonly everyMs: number; readonly at: readonly number[] } {
  const wanted = (toMs - fromMs) / Math.max(1, width / 110);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const everyMs = [1, 2, 5, 10].map((step) => step * power).find((step) => step >= wanted) ?? 10 * power;
  const first = Math.ceil(fromMs / everyMs);
  return { everyMs, at: Array.from({ length: Math.max(0, Math.floor(toMs / everyMs) - first + 1) }, (_, index) => (first + index) * everyMs) };
}

function element(tag: string, className: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}

export function button(text: string, name: string, act: () => void, className = ''): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = className;
  made.textContent = text;
  made.setAttribute('aria-label', text.length > 2 ? `${text}. ${name}` : name);
  made.title = name;
  made.addEventListener('click', act);
  return made;
}
