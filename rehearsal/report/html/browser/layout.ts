/**
 * Lays out a state machine from top to bottom: the path that was taken is a straight line at the left, what was not
 * taken stands to its right. The usual layers (Sugiyama): edges that lead back are turned round, each state stands
 * below whatever leads to it, long edges pass through the layers between, neighbours decide the order within a layer.
 * The places within a layer are the closest to what the neighbours want that the order allows (isotonic regression).
 * Pure: sizes come in, places go out.
 */
import type { DrawnEdge, DrawnGraph, DrawnState } from '../../observed.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}
export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface PlacedState extends Size, Point {
  readonly name: string;
  readonly state: DrawnState;
  /** Branches, placed within this state. */
  readonly inside: readonly (PlacedGraph & Point)[];
}
export interface PlacedEdge {
  readonly from: string;
  readonly to: string;
  readonly edge: DrawnEdge;
  /** How often it was taken. */
  readonly taken: number;
  readonly points: readonly Point[];
}
export interface PlacedGraph extends Size {
  readonly states: readonly PlacedState[];
  readonly edges: readonly PlacedEdge[];
}

export interface LayoutOptions {
  /** Of a state without branches; of one with branches, its heading's. */
  readonly sizeOf: (name: string, state: DrawnState) => Size;
  readonly taken: (from: string, to: string) => number;
  readonly entered: (name: string) => boolean;
}

interface Node extends Size {
  readonly name: string;
  /** Undefined for a point that a long edge passes. */
  readonly state?: DrawnState;
  readonly inside: readonly PlacedGraph[];
  /** On the path and leading on: such a state stands in the line of the path, one that only leads back beside it. */
  line: 'path' | 'beside' | 'off';
  /** How far it reaches to the left of where its edges are tied. */
  readonly reachLeft: number;
  layer: number;
  /** Where its edges are tied. */
  x: number;
  y: number;
}
interface Link {
  readonly from: Node;
  readonly to: Node;
  readonly edge: DrawnEdge;
  readonly taken: number;
  /** Drawn against the order of the layers. */
  readonly back: boolean;
  /** From the upper to the lower end, both included. */
  readonly chain: Node[];
}

const gapAcross = 22;
const gapDown = 26;
const padding = 14;
const passingWidth = 8;
const frameReach = 84;
const portSpacing = 16;
const sweeps = 24;
/** The path stays where it is, whatever the others want. */
const pathWeight = 1e4;
const nearness = { path: 2, beside: 1, off: 0 };

export function layout(graph: DrawnGraph, options: LayoutOptions): PlacedGraph {
  const nodes = new Map(Object.entries(graph.states).map(([name, state]) => [name, nodeOf(name, state, options)]));
  const links = linksOf(graph, nodes, options);
  for (const node of nodes.values()) {
    const on = links.filter(({ from, taken, back }) => from === node && taken > 0 && !back);
    const ends = graph.states[node.name]!.next.length === 0;
    if (node.line === 'beside' && (ends || on.length > 0)) node.line = 'path';
  }
  rank([...nodes.values()], links);
  const layers = layersOf([...nodes.values()], links);
  order(layers, links);
  placeAcross(layers, links);
  placeDown(layers);
  return placed(layers.flat(), links);
}

function nodeOf(name: string, state: DrawnState, options: LayoutOptions): Node {
  const heading = options.sizeOf(name, state);
  const inside = state.inside.map((branch) => layout(branch, options));
  const node = { name, state, inside, line: options.entered(name) ? 'beside' as const : 'off' as const, layer: 0, x: 0, y: 0 };
  if (inside.length === 0) return { ...node, ...heading, reachLeft: heading.width / 2 };
  const width = inside.reduce((sum, branch) => sum + branch.width + gapAcross, -gapAcross) + 2 * padding;
  return {
    ...node,
    // The path enters a wide frame at its left, where the path is inside too.
    reachLeft: padding * 2 + passingWidth + frameReach,
    width: Math.max(heading.width, width),
    height: heading.height + Math.max(...inside.map((branch) => branch.height)) + padding,
  };
}

/** The edges that are drawn: a catch that was not taken only where nothing else leads to its target. */
function linksOf({ startAt, states }: DrawnGraph, nodes: ReadonlyMap<string, Node>, { taken }: LayoutOptions): Link[] {
  const reached = new Set([startAt]);
  const kept: { from: string; edge: DrawnEdge }[] = [];
  const names = Object.keys(states);
  const candidates = names.flatMap((from) => states[from]!.next.filter((edge) => edge.to !== from).map((edge) => ({ from, edge })));
  const importance = ({ from, edge }: { from: string; edge: DrawnEdge }): number =>
    taken(from, edge.to) > 0 ? 0 : edge.kind === 'catch' ? 2 : 1;
  for (const candidate of candidates.toSorted((a, b) => importance(a) - importance(b))) {
    const { from, edge } = candidate;
    if (kept.some((each) => each.from === from && each.edge.to === edge.to)) continue;
    if (importance(candidate) === 2 && reached.has(edge.to)) continue;
    reached.add(edge.to);
    kept.push(candidate);
  }
  const outOf = Map.groupBy(kept, ({ from }) => from);
  const links: Link[] = [];
  const done = new Set<string>();
  const open = new Set<string>();
  const visit = (name: string): void => {
    open.add(name);
    for (const { edge } of outOf.get(name) ?? []) {
      const back = open.has(edge.to);
      const [from, to] = [nodes.get(name)!, nodes.get(edge.to)!];
      links.push({ from, to, edge, taken: taken(name, edge.to), back, chain: back ? [to, from] : [from, to] });
      if (!back && !done.has(edge.to)) visit(edge.to);
    }
    open.delete(name);
    done.add(name);
  };
  visit(startAt);
  // What nothing leads to is a mistake in the machine, and is shown all the same.
  for (const name of names) if (!done.has(name)) visit(name);
  return links;
}

/** Each state one layer below the lowest that leads to it. */
function rank(nodes: readonly Node[], links: readonly Link[]): void {
  const into = new Map(nodes.map((node) => [node, 0]));
  for (const { chain } of links) into.set(chain[1]!, into.get(chain[1]!)! + 1);
  const ready = nodes.filter((node) => into.get(node) === 0);
  for (let node = ready.shift(); node !== undefined; node = ready.shift()) {
    for (const { chain: [upper, lower] } of links) {
      if (upper !== node || lower === undefined) continue;
      lower.layer = Math.max(lower.layer, node.layer + 1);
      into.set(lower, into.get(lower)! - 1);
      if (into.get(lower) === 0) ready.push(lower);
    }
  }
}

function layersOf(nodes: readonly Node[], links: readonly Link[]): Node[][] {
  const layers: Node[][] = Array.from({ length: Math.max(...nodes.map((node) => node.layer)) + 1 }, () => []);
  const put = (node: Node): void => void layers[node.layer]!.push(node);
  // The links come in the order of a walk along the path taken: a first order that is nearly right.
  const seen = new Set<Node>();
  const once = (node: Node): void => {
    if (!seen.has(node)) put(node);
    seen.add(node);
  };
  for (const { from, to } of links) {
    once(from);
    once(to);
  }
  nodes.forEach(once);
  for (const link of links) {
    const [upper, lower] = link.chain as [Node, Node];
    const passed = Array.from({ length: lower.layer - upper.layer - 1 }, (_, index): Node => ({
      name: '', inside: [], line: link.taken > 0 && !link.back ? 'path' : 'off', layer: upper.layer + 1 + index, x: 0, y: 0, width: passingWidth, height: 0, reachLeft: passingWidth / 2,
    }));
    passed.forEach(put);
    link.chain.splice(1, 0, ...passed);
  }
  return layers;
}

interface Neighbours {
  readonly above: ReadonlyMap<Node, readonly { node: Node; weight: number }[]>;
  readonly below: ReadonlyMap<Node, readonly { node: Node; weight: number }[]>;
}

function neighboursOf(links: readonly Link[]): Neighbours {
  const above = new Map<Node, { node: Node; weight: number }[]>();
  const below = new Map<Node, { node: Node; weight: number }[]>();
  const add = (to: typeof above, key: Node, node: Node, weight: number): void => void to.set(key, [...(to.get(key) ?? []), { node, weight }]);
  for (const { chain, taken, back } of links) {
    chain.slice(1).forEach((lower, index) => {
      const upper = chain[index]!;
      // What was taken is to be straight above all, then the long edges.
      const weight = (taken > 0 && !back ? 4 : 1) * (upper.state === undefined || lower.state === undefined ? 3 : 1);
      add(above, lower, upper, weight);
      add(below, upper, lower, weight);
    });
  }
  return { above, below };
}

/** The path first, then whoever stands below (or above) whom. */
function order(layers: Node[][], links: readonly Link[]): void {
  const { above, below } = neighboursOf(links);
  const index = new Map<Node, number>();
  const number = (layer: readonly Node[]): void => layer.forEach((node, at) => index.set(node, at));
  layers.forEach(number);
  const crossings = (): number => layers.reduce((sum, layer) => {
    const ends = layer.flatMap((node) => (below.get(node) ?? []).map((each) => [index.get(node)!, index.get(each.node)!] as const));
    return sum + ends.reduce((count, [a, b], at) => count + ends.slice(at + 1).filter(([c, d]) => (a - c) * (b - d) < 0).length, 0);
  }, 0);
  let best = { crossings: crossings(), layers: layers.map((layer) => [...layer]) };
  for (let sweep = 0; sweep < sweeps && best.crossings > 0; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : layers.toReversed()) {
      const middle = new Map(layer.map((node) => {
        const near = (down ? above : below).get(node) ?? [];
        const mean = near.reduce((sum, each) => sum + index.get(each.node)!, 0) / near.length;
        return [node, near.length === 0 ? index.get(node)! : mean];
      }));
      layer.sort((a, b) => nearness[b.line] - nearness[a.line] || middle.get(a)! - middle.get(b)!);
      number(layer);
    }
    const now = crossings();
    if (now < best.crossings) best = { crossings: now, layers: layers.map((layer) => [...layer]) };
  }
  best.layers.forEach((layer, at) => layers[at]!.splice(0, Infinity, ...layer));
}

function placeAcross(layers: readonly Node[][], links: readonly Link[]): void {
  const { above, below } = neighboursOf(links);
  for (const layer of layers) spread(layer, layer.map(() => ({ wanted: 0, weight: 1 })));
  for (let sweep = 0; sweep < sweeps; sweep += 1) {
    for (const layer of sweep % 2 === 0 ? layers : layers.toReversed()) {
      spread(layer, layer.map((node, index) => {
        if (index === 0 && node.line === 'path') return { wanted: 0, weight: pathWeight };
        const near = [...(above.get(node) ?? []), ...(below.get(node) ?? [])];
        const weight = near.reduce((sum, each) => sum + each.weight, 0);
        return weight === 0 ? { wanted: node.x, weight: 1 } : { wanted: near.reduce((sum, each) => sum + each.weight * each.node.x, 0) / weight, weight };
      }));
    }
  }
  const left = Math.min(...layers.flat().map((node) => node.x - node.reachLeft));
  for (const node of layers.flat()) node.x += padding - left;
}

/** Weighted least squares to what each wants, with the order and the distances kept: neighbours that collide move as one. */
function spread(layer: readonly Node[], wants: readonly { readonly wanted: number; readonly weight: number }[]): void {
  let offset = 0;
  const offsets = layer.map((node, index) => {
    const before = layer[index - 1];
    if (before !== undefined) offset += before.width - before.reachLeft + gapAcross + node.reachLeft;
    return offset;
  });
  const blocks: { sum: number; weight: number; count: number }[] = [];
  wants.forEach(({ wanted, weight }, index) => {
    blocks.push({ sum: (wanted - offsets[index]!) * weight, weight, count: 1 });
    for (let last = blocks.at(-1)!, before = blocks.at(-2); before && before.sum / before.weight > last.sum / last.weight; before = blocks.at(-2)) {
      blocks.splice(-2, 2, { sum: before.sum + last.sum, weight: before.weight + last.weight, count: before.count + last.count });
      last = blocks.at(-1)!;
    }
  });
  let at = 0;
  for (const { sum, weight, count } of blocks) {
    for (const end = at + count; at < end; at += 1) layer[at]!.x = sum / weight + offsets[at]!;
  }
}

function placeDown(layers: readonly Node[][]): void {
  let y = padding;
  for (const layer of layers) {
    const height = Math.max(...layer.map((node) => node.height));
    for (const node of layer) node.y = y;
    y += height + gapDown;
  }
}

function placed(nodes: readonly Node[], links: readonly Link[]): PlacedGraph {
  const ports = portsOf(links);
  const bottoms = Map.groupBy(nodes, (node) => node.layer);
  const bottomOf = (node: Node): number => node.y + (node.state === undefined ? Math.max(...bottoms.get(node.layer)!.map((each) => each.height)) : node.height);
  const edges = links.map((link): PlacedEdge => {
    const { chain, back } = link;
    const upper = ports.get(link)!.upper;
    const lower = ports.get(link)!.lower;
    const points = chain.flatMap((node, index): Point[] => {
      if (index === 0) return [{ x: node.x + upper, y: bottomOf(node) }];
      if (index === chain.length - 1) return [{ x: node.x + lower, y: node.y }];
      return [{ x: node.x, y: node.y }, { x: node.x, y: bottomOf(node) }];
    });
    return { from: link.from.name, to: link.to.name, edge: link.edge, taken: link.taken, points: back ? points.reverse() : points };
  });
  return {
    width: Math.max(...nodes.map((node) => node.x - node.reachLeft + node.width)) + padding,
    height: Math.max(...nodes.map((node) => node.y + node.height)) + padding,
    states: nodes.flatMap((node) => (node.state === undefined ? [] : [placedState(node, node.state)])),
    edges,
  };
}

function placedState(node: Node, state: DrawnState): PlacedState {
  const { name, x, y, width, height, inside, reachLeft } = node;
  const across = inside.reduce((sum, branch) => sum + branch.width + gapAcross, -gapAcross);
  const headingHeight = height - padding - Math.max(0, ...inside.map((branch) => branch.height));
  let left = (width - across) / 2;
  const branches = inside.map((branch) => {
    const at = { ...branch, x: left, y: headingHeight };
    left += branch.width + gapAcross;
    return at;
  });
  return { name, state, x: x - reachLeft, y, width, height, inside: branches };
}

/** Where on a state's lower and upper side each edge is tied: the path in the middle, the others beside it in their order. */
function portsOf(links: readonly Link[]): ReadonlyMap<Link, { upper: number; lower: number }> {
  const ports = new Map(links.map((link) => [link, { upper: 0, lower: 0 }]));
  for (const side of ['upper', 'lower'] as const) {
    const end = (link: Link): Node => (side === 'upper' ? link.chain[0]! : link.chain.at(-1)!);
    const next = (link: Link): Node => (side === 'upper' ? link.chain[1]! : link.chain.at(-2)!);
    for (const [node, tied] of Map.groupBy(links, end)) {
      const sorted = tied.toSorted((a, b) => next(a).x - next(b).x);
      const straightness = (link: Link): number => (link.taken > 0 && !link.back ? 0 : 1e6) + Math.abs(next(link).x - node.x);
      const middle = sorted.indexOf(sorted.reduce((a, b) => (straightness(b) < straightness(a) ? b : a)));
      const widest = Math.max(middle, sorted.length - 1 - middle, 1);
      const spacing = Math.min(portSpacing, (node.reachLeft - 12) / widest);
      sorted.forEach((link, index) => {
        ports.get(link)![side] = (index - middle) * spacing;
      });
    }
  }
  return ports;
}
