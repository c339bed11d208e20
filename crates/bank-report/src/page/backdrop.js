// What operations are drawn upon: the axis, the lanes with their names, the faults, and the journal as it reaches each branch.

// Room for the lanes' names; set once, by the longest.
let GUTTER = 92;
const SPREAD_MAX = 3000;

function drawLanes(picture, parent) {
  picture.run.lanes.all.forEach((lane, index) => {
    svg(parent, "rect", { class: `lane ${lane.kind}${index % 2 ? " odd" : ""}`, x: 0, y: lane.y, width: picture.width, height: lane.height });
    svg(parent, "path", { class: `lane-line ${lane.kind}`, d: line(GUTTER, lane.mid, picture.width, lane.mid) });
    svg(parent, "text", { class: `lane-name ${lane.kind}`, x: 10, y: lane.mid + 4 }, lane.label);
  });
  const first = picture.run.lanes.branch.values().next().value;
  if (first) svg(parent, "path", { class: "divide", d: line(0, first.y, picture.width, first.y) });
}

// `top` stays in sight when the lanes scroll.
function drawAxis(picture, parent, top) {
  const { layout } = picture.run;
  const room = labelRoom();
  svg(top, "rect", { class: "gutter", x: 0, y: 0, width: picture.width, height: layout.axis - 4 });
  const mark = (us, step) => {
    const x = picture.x(us);
    if (x < GUTTER - 1 || x > picture.width) return;
    const text = timeWords(us, step);
    const width = textWidth(text, 11);
    const left = Math.min(Math.max(x - width / 2, GUTTER), picture.width - width - 2);
    if (!room(left, width)) return;
    svg(parent, "path", { class: "grid", d: line(x, layout.axis - 5, x, layout.total) });
    svg(top, "text", { class: "axis", x: round(left), y: layout.axis - 10 }, text);
  };
  const [from, to] = [picture.timeAt(GUTTER), picture.timeAt(picture.width)];
  const marks = Math.max(2, Math.floor((picture.width - GUTTER) / 95));
  if (picture.toScale) {
    const step = roundStep((to - from) / marks);
    for (let us = Math.ceil(from / step) * step; us <= to; us += step) mark(us, step);
  } else {
    for (let i = 0; i <= marks; i += 1) mark(roundNear(picture, GUTTER + 10 + ((picture.width - GUTTER - 34) * i) / marks), 0);
  }
  svg(top, "text", { class: "axis-name", x: 10, y: layout.axis - 10 }, "time →");
}

// The roundest time that lies within some pixels of `x`.
function roundNear(picture, x) {
  const us = picture.timeAt(x);
  for (let step = 10 ** Math.ceil(Math.log10(Math.max(us, 1))); step >= 1; step /= 10) {
    for (const finer of [step, step / 2, step / 5]) {
      const rounded = Math.round(us / finer) * finer;
      if (Math.abs(picture.x(rounded) - x) < 16) return rounded;
    }
  }
  return us;
}

function drawFaults(picture, parent, names) {
  for (const fault of picture.run.faults) {
    const until = fault.until === null ? picture.run.end : fault.until;
    const from = Math.max(picture.x(Math.max(fault.from, 0)), GUTTER - 2);
    const to = Math.min(picture.x(until), picture.width + 2);
    if (to < GUTTER || from > picture.width) continue;
    for (const branch of fault.branches) {
      const lane = picture.run.lanes.branch.get(branch);
      if (!lane) continue;
      const group = svg(parent, "g", {});
      svg(group, "title", {}, `${fault.words}, ${timeWords(Math.max(fault.from, 0))} to ${fault.until === null ? "the end" : timeWords(until)}`);
      svg(group, "rect", { class: "fault", x: round(from), y: lane.y + 1, width: round(Math.max(to - from, 2)), height: lane.height - 2 });
      const letters = Math.floor((to - from - 8) / textWidth("x", 11));
      if (letters < 5 || lane.height < 26) continue;
      const text = fault.words.length > letters ? `${fault.words.slice(0, letters - 1)}…` : fault.words;
      svg(names, "text", { class: "fault-name", x: round(from + 5), y: lane.y + (lane.height > 50 ? 13 : 11) }, text);
    }
  }
}

// A tick for each command at each branch, with its position where there is room, and a line from where it was first.
function drawJournal(picture, parent, rooms) {
  const { run } = picture;
  const [from, to] = [picture.timeAt(GUTTER), picture.timeAt(picture.width)];
  let spread = "";
  let spreads = 0;
  const names = svg(null, "g", {});
  for (const journal of run.journals) {
    const lane = run.lanes.branch.get(journal.branch);
    const room = labelRoom();
    const half = lane.height > 50 ? 9 : 6;
    let ticks = "";
    run.commands.forEach((command, index) => {
      const at = journal.at[index];
      if (at === null || at < 0 || command.first.at > to || at < from) return;
      const x = picture.x(at);
      const first = run.lanes.branch.get(command.first.branch);
      if (first !== lane && spreads < SPREAD_MAX) {
        spread += line(picture.x(command.first.at), first.mid, x, lane.mid);
        spreads += 1;
      }
      if (at > to) return;
      ticks += line(x, lane.mid - half, x, lane.mid + half);
      const text = String(command.position);
      const width = textWidth(text, 10);
      if (lane.height >= 36 && room(x - width / 2, width)) {
        svg(names, "text", { class: "position", x: round(x), y: lane.mid + half + 9 }, text);
      }
    });
    svg(parent, "path", { class: "tick", d: ticks });
  }
  if (picture.showSpread && spreads < SPREAD_MAX) parent.prepend(svg(null, "path", { class: "spread", d: spread }));
  parent.appendChild(names);
}

// Of the chosen operation: how its write spread, or how what it had to see came to its branch.
function drawSpot(picture, parent) {
  parent.replaceChildren();
  const { run, chosen } = picture;
  if (!chosen || !picture.single || picture.step(chosen)) return;
  const command = run.commands.find((other) => (chosen.read ? other.position === chosen.needs : other.op === chosen));
  if (!command || !command.first) return;
  const first = run.lanes.branch.get(command.first.branch);
  const x1 = picture.x(command.first.at);
  for (const journal of run.journals) {
    const at = journal.at[command.index];
    const lane = run.lanes.branch.get(journal.branch);
    if (at === null || lane === first || (chosen.read && journal.branch !== branchOf(chosen))) continue;
    svg(parent, "path", { class: "spot", d: line(x1, first.mid, picture.x(at), lane.mid) });
    svg(parent, "path", { class: "spot-head", d: arrowHead(x1, first.mid, picture.x(at), lane.mid, 8) });
  }
}

// When a command reached a branch, with the line that brought it, made to stand out.
function drawArrival(picture, parent, command, branch, text) {
  const { run } = picture;
  const journal = run.journals.find((other) => other.branch === branch);
  const lane = run.lanes.branch.get(branch);
  if (!journal || !lane || !command.first) return;
  const at = journal.at[command.index];
  const first = run.lanes.branch.get(command.first.branch);
  if (at === null) return;
  const [x1, x2] = [picture.x(command.first.at), picture.x(at)];
  if (first !== lane) {
    svg(parent, "path", { class: "late", d: line(x1, first.mid, x2, lane.mid) });
    svg(parent, "path", { class: "late-head", d: arrowHead(x1, first.mid, x2, lane.mid, 9) });
  }
  const half = lane.height > 50 ? 9 : 6;
  svg(parent, "path", { class: "late-tick", d: line(x2, lane.mid - half, x2, lane.mid + half) });
  svg(parent, "text", { class: "late-name", x: round(x2 - 9), y: lane.mid + half + 9 }, text);
}
