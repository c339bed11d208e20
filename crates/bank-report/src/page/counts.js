// Draws counts instead of single operations: the number of operations in each lane and slice of time.

const SLICE_PX = 14;

function drawCounts(picture, parent, ops) {
  const { run } = picture;
  const slices = slicesOf(picture, ops);
  const most = fullBars(slices);
  const paths = { read: "", write: "", wait: "", applied: "" };
  const bar = (x, width, y, height) => `M${round(x)} ${round(y)}h${round(width)}v${round(-height)}h${round(-width)}Z`;
  for (const slice of slices) {
    const width = slice.width - 2;
    for (const [lane, cell] of slice.cells) {
      const all = cell.reads + cell.writes;
      const over = all > most[lane.kind] ? most[lane.kind] / all : 1;
      const up = (over * (lane.kind === "customer" ? lane.height - 6 : lane.height / 2 - 3)) / most[lane.kind];
      const base = lane.kind === "customer" ? lane.y + lane.height - 3 : lane.mid;
      paths.read += bar(slice.x, width, base, cell.reads * up);
      paths.write += bar(slice.x, width, base - cell.reads * up, cell.writes * up);
      if (cell.waits) paths.wait += bar(slice.x, width, base, cell.waits * up);
      if (cell.applied) paths.applied += bar(slice.x + 2, width - 4, lane.mid + 2, -Math.min(cell.applied / most.journal, 1) * (lane.height / 2 - 5));
    }
  }
  svg(parent, "path", { class: "count applied", d: paths.applied });
  svg(parent, "path", { class: "count read", d: paths.read });
  svg(parent, "path", { class: "count write", d: paths.write });
  svg(parent, "path", { class: "count wait", d: paths.wait, style: `fill:url(#hatch-${run.number})` });
  slices.forEach((slice, index) => drawSlice(picture, parent, slice, index));
  return slices;
}

// Counts that fill a lane: 98 % of the cells do not exceed them. Higher cells are cut off, so that one burst does not flatten the
// rest.
function fullBars(slices) {
  const counts = { customer: [], branch: [], journal: [] };
  for (const slice of slices) {
    for (const [lane, cell] of slice.cells) {
      counts[lane.kind].push(cell.reads + cell.writes);
      if (cell.applied) counts.journal.push(cell.applied);
    }
  }
  const full = {};
  for (const kind in counts) {
    const sorted = counts[kind].sort((a, b) => a - b);
    full[kind] = sorted[Math.floor((sorted.length - 1) * 0.98)] || 1;
  }
  return full;
}

function drawSlice(picture, parent, slice, index) {
  if (!slice.ops.length) return;
  const marked = slice.ops.find((op) => picture.step(op));
  const words = `${slice.ops.length} operations from ${timeWords(slice.from)} to ${timeWords(slice.to)}${marked ? ", with a step of the proof" : ""}`;
  const group = svg(parent, "g", { class: `slice${marked ? " marked" : ""}`, role: "button", tabindex: -1, "data-slice": index, "aria-label": `${words}. Enter zooms in.` });
  svg(group, "title", {}, words);
  svg(group, "rect", { class: "ring", x: round(slice.x - 1), y: picture.run.layout.axis, width: round(slice.width), height: picture.run.height - picture.run.layout.axis });
  if (!marked) return;
  const { mid } = picture.run.lanes.customer[marked.customer];
  svg(group, "circle", { class: "badge", cx: round(slice.x + slice.width / 2), cy: mid, r: 9 });
  svg(group, "text", { class: "badge-number", x: round(slice.x + slice.width / 2), y: mid + 4 }, String(picture.step(marked)));
}

function slicesOf(picture, ops) {
  const { run } = picture;
  const count = Math.max(1, Math.floor((picture.width - GUTTER) / SLICE_PX));
  const width = (picture.width - GUTTER) / count;
  const slices = [];
  for (let i = 0; i < count; i += 1) {
    const x = GUTTER + i * width;
    slices.push({ x, width, from: picture.timeAt(x), to: picture.timeAt(x + width), ops: [], cells: new Map() });
  }
  const at = (us) => {
    const index = Math.floor((picture.x(us) - GUTTER) / width);
    return index >= 0 && index < count ? slices[index] : null;
  };
  const cell = (slice, lane) => {
    if (!slice.cells.has(lane)) slice.cells.set(lane, { reads: 0, writes: 0, waits: 0, applied: 0 });
    return slice.cells.get(lane);
  };
  for (const op of ops) {
    const slice = at(Math.max(op.begin, picture.timeAt(GUTTER)));
    if (!slice) continue;
    slice.ops.push(op);
    for (const lane of [run.lanes.customer[op.customer], run.lanes.branch.get(branchOf(op))]) {
      if (!lane) continue;
      const counted = cell(slice, lane);
      counted[op.read ? "reads" : "writes"] += 1;
      if (op.waited > 0 && lane.kind === "branch") counted.waits += 1;
    }
  }
  if (!picture.showSpread) return slices;
  for (const journal of run.journals) {
    const lane = run.lanes.branch.get(journal.branch);
    for (const us of journal.at) {
      const slice = us === null ? null : at(us);
      if (slice) cell(slice, lane).applied += 1;
    }
  }
  return slices;
}
