// Draws what is behind the operations: the axis, the lanes with their names, the faults, and the commands that reach each branch.

// Width for the lanes' names in pixels. start.js sets it once, by the longest name.
let GUTTER = 92;
const SPREAD_MAX = 3000;

function drawLanes(picture, parent) {
  picture.run.lanes.all.forEach((lane, index) => {
    svg(parent, "rect", { class: `lane ${lane.kind}${index % 2 ? " odd" : ""}`, x: 0, y: lane.y, width: picture.width, height: lane.height });
    svg(parent, "path", { class: `lane-line ${lane.kind}`, d: line(GUTTER, lane.mid, picture.width, lane.mid) });
  });
  const first = picture.run.lanes.branch.values().next().value;
  if (first) svg(parent, "path", { class: "divide", d: line(0, first.y, picture.width, first.y) });
}

// `top` stays visible when the lanes scroll.
function drawAxis(picture, parent, top) {
  const { layout } = picture.run;
  const room = labelRoom();
  svg(top, "rect", { class: "gutter", x: 0, y: 0, width: picture.width, height: layout.axis - 4 });
  const mark = (us, step) => {
    const x = picture.x(us);
    if (x < GUTTER - 1 || x > picture.width) return;
    const text = timeWords(us, step);
    const width = textWidth(text, 12);
    const left = Math.min(Math.max(x - width / 2, GUTTER), picture.width - width - 2);
    if (!room(left, width)) return;
    svg(parent, "path", { class: "grid", d: line(x, layout.axis - 5, x, picture.run.height) });
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
  const notes = picture.toScale ? ["to scale"] : ["not to scale: busy moments are stretched, idle ones are shortened", "not to scale: busy moments are stretched", "busy moments stretched"];
  const note = notes.find((text) => textWidth(text, 12) < picture.width - GUTTER - 12) || "stretched";
  svg(top, "text", { class: "axis-name", x: GUTTER + 10, y: 15 }, note);
}

// The roundest time within 16 pixels of `x`.
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
      const letters = Math.floor((to - from - 8) / textWidth("x", 12));
      if (letters < 5 || lane.height < 26) continue;
      const words = fault.words.length > letters ? fault.word : fault.words;
      const text = words.length > letters ? `${words.slice(0, letters - 1)}…` : words;
      svg(names, "text", { class: "fault-name", x: round(from + 5), y: lane.y + (lane.height > 50 ? 13 : 11) }, text);
    }
  }
}

// Draws a tick for each command at each branch, its name if there is space, and a line from the place where it was put into order.
// `arrival` is drawn apart.
function drawJournal(picture, parent, arrival) {
  const { run } = picture;
  const [from, to] = [picture.timeAt(GUTTER), picture.timeAt(picture.width)];
  let spread = "";
  let spreads = 0;
  const texts = svg(null, "g", {});
  for (const journal of run.journals) {
    const lane = run.lanes.branch.get(journal.branch);
    if (!lane) continue;
    const late = arrival && arrival.lane === lane ? arrival : null;
    const names = commandNames(picture, texts, lane);
    if (late) names.room(late.left, late.width);
    const restarted = journal.again !== null && journal.again > from && journal.again <= to ? baseOf(run, journal, journal.again) : null;
    if (restarted) names.again(restarted, picture.x(journal.again));
    const half = lane.height > 50 ? 9 : 6;
    let ticks = "";
    run.commands.forEach((command, index) => {
      const at = journal.at[index];
      if (at === null || at < 0 || command.first.at > to || at < from) return;
      const x = picture.x(at);
      const entry = entryOf(picture, command);
      if (entry.lane && entry.lane !== lane && spreads < SPREAD_MAX) {
        spread += line(entry.x, entry.lane.mid, x, lane.mid);
        spreads += 1;
      }
      if (at > to) return;
      ticks += line(x, lane.mid - half, x, lane.mid + half);
      if (!late || late.command !== command) names.at(command, x);
    });
    svg(parent, "path", { class: "tick", d: ticks });
    const base = baseOf(run, journal, from);
    if (base) names.start(base);
  }
  if (picture.showSpread && spreads < SPREAD_MAX) parent.prepend(svg(null, "path", { class: "spread", d: spread }));
  parent.appendChild(texts);
}

// Names commands below a branch's line if there is space: by their action, or only by position.
function commandNames(picture, parent, lane) {
  const [tall, room] = [lane.height > 50, labelRoom()];
  const draw = (command, before, short, leftFor) => {
    if (lane.height < 36) return;
    const position = String(command.position);
    const texts = tall ? [before + shortCommand(command), before + position] : [before + position];
    for (const text of short ? [...texts, short + position] : texts) {
      const width = textWidth(text, 12);
      const left = leftFor(width);
      if (!room(left, width)) continue;
      svg(parent, "text", { class: "position", x: round(left), y: lane.mid + (tall ? 18 : 15) }, text);
      return;
    }
  };
  return {
    room,
    at: (command, x) => draw(command, "", "", (width) => Math.min(x - width / 2, picture.width - width - 3)),
    start: (command) => draw(command, "at ", "", () => GUTTER + 5),
    again: (command, x) => draw(command, "restarted at ", "at ", (width) => Math.max(x - width - 4, GUTTER)),
  };
}

// The last command that a branch had before the begin of the view, as far as its times are known.
function baseOf(run, journal, from) {
  let base = null;
  for (const command of run.commands) {
    const at = journal.at[command.index];
    if (at === null && command.position > journal.position) break;
    if (at === null ? isForgotten(journal, command) && journal.again > from : at > Math.max(from, 0)) break;
    base = command;
  }
  return base;
}

// For the chosen operation, draws how its write reached the branches. For a read, how the write that it needed reached its branch.
function drawSpot(picture, parent) {
  parent.replaceChildren();
  const { run, chosen } = picture;
  if (!chosen || !picture.single || picture.step(chosen)) return;
  const command = chosen.read ? run.byPosition.get(requiredPosition(chosen)) : chosen.command;
  if (!command || !command.first) return;
  const entry = entryOf(picture, command);
  for (const journal of run.journals) {
    const at = journal.at[command.index];
    const lane = run.lanes.branch.get(journal.branch);
    if (at === null || !lane || !entry.lane || lane === entry.lane || (chosen.read && journal.branch !== branchOf(chosen))) continue;
    svg(parent, "path", { class: "spot", d: line(entry.x, entry.lane.mid, picture.x(at), lane.mid) });
    svg(parent, "path", { class: "spot-head", d: arrowHead(entry.x, entry.lane.mid, picture.x(at), lane.mid, 8) });
  }
}

// Highlights when a command that a read should have seen reached its branch.
function drawArrival(picture, parent, arrival) {
  const { command, lane, x } = arrival;
  const entry = entryOf(picture, command);
  if (entry.lane && entry.lane !== lane) {
    svg(parent, "path", { class: "late", d: line(entry.x, entry.lane.mid, x, lane.mid) });
    svg(parent, "path", { class: "late-head", d: arrowHead(entry.x, entry.lane.mid, x, lane.mid, 9) });
  }
  const half = lane.height > 50 ? 9 : 6;
  svg(parent, "path", { class: "late-tick", d: line(x, lane.mid - half, x, lane.mid + half) });
  svg(parent, "text", { class: "late-name", x: round(arrival.left), y: lane.mid + half + 9 }, arrival.text);
}
