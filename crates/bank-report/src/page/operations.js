// Draws single operations: a bar on the customer's lane, lines to the branch and back, and the branch's work in between. The time
// at which a request reached its branch is not recorded. Both ways are drawn with equal length, as far as the times in the
// journals allow.

function shape(picture, op) {
  const customer = picture.run.lanes.customer[op.customer];
  const x0 = picture.x(op.begin);
  const x1 = Math.max(picture.x(op.end), x0 + 4);
  const away = (op.took - Math.min(op.wait, op.took)) * 0.35;
  const slope = Math.min((x1 - x0) * 0.12, 14);
  const latest = op.since === null ? x1 : picture.x(op.since);
  const xa = Math.max(Math.min(Math.max(picture.x(op.begin + away), x0 + slope), latest - 1, x1 - 1), x0);
  const earliest = op.until === null ? x0 : picture.x(op.until);
  const xd = Math.max(Math.min(Math.max(picture.x(op.end - away), earliest), x1 - 1), Math.min(earliest, x1), xa + 1);
  const asked = picture.run.lanes.branch.get(op.branch);
  const served = op.served === null ? null : picture.run.lanes.branch.get(op.served);
  const wait = op.wait > 0 ? [op.read ? xa : picture.x(op.waitFrom), xd] : null;
  const at = { x0, x1, xa, xd, wait, customer, asked, served, half: customer.height > 40 ? 7 : 5 };
  forward(picture, op, at);
  return at;
}

// Adds the way of a write through the leader, if the leader is another branch than the one that served it: `leader` is its lane, and
// the write is there from `xl` to `xc`. At `xc` at the latest it was committed, because a branch had applied it.
function forward(picture, op, at) {
  const lane = !op.read && op.command && at.served ? leaderLane(picture.run, op.command) : null;
  at.leader = lane === at.served ? null : lane;
  if (!at.leader) return;
  at.xa = at.x0 + (at.xa - at.x0) * 0.6;
  at.xc = op.since === null ? at.xa + (at.xd - at.xa) * 0.7 : Math.max(picture.x(op.since), at.xa + 1);
  at.xl = at.xa + (at.xc - at.xa) * 0.4;
  at.xd = Math.max(at.xd, Math.min(at.xc + (at.x1 - at.xc) * 0.5, at.x1));
}

// Place from which a command goes to the branches: the leader if it is known, or the branch that served its operation, or the branch
// that applied it first. `lane` is empty if that lane is hidden.
function entryOf(picture, command) {
  const { run } = picture;
  const at = command.op && run.lanes.customer[command.op.customer] ? shape(picture, command.op) : null;
  if (at && at.leader) return { lane: at.leader, x: at.xl };
  if (at && at.served && !(leaderOf(run, command) && !leaderLane(run, command))) return { lane: at.served, x: at.xa };
  const known = leaderOf(run, command);
  return { lane: run.lanes.branch.get(known ? known.branch : command.first.branch), x: picture.x(command.first.at) };
}

function drawOperation(picture, parent, op) {
  const at = shape(picture, op);
  const kind = op.read ? "read" : "write";
  const group = svg(parent, "g", {
    class: `op ${kind}`,
    role: "button",
    tabindex: -1,
    "aria-label": wholeWords(op),
    "data-op": op.index,
  });
  if (op.outcome !== "answered" && op.outcome !== "accepted") group.classList.add("bad");
  const { mid } = at.customer;
  const box = { x: round(at.x0), y: mid - at.half, width: round(at.x1 - at.x0), height: 2 * at.half };
  drawLegs(group, at, kind);
  if (at.served) drawService(picture, group, op, at, kind);
  svg(group, "rect", { class: `bar ${kind}`, ...box, rx: 2 });
  if (op.behind) svg(group, "rect", { class: "behind", x: round(at.x0 - 3), y: mid - at.half - 3, width: round(at.x1 - at.x0 + 6), height: 2 * at.half + 6, rx: 4 });
  svg(group, "rect", { class: "ring", x: round(at.x0 - 4), y: mid - at.half - 4, width: round(at.x1 - at.x0 + 8), height: 2 * at.half + 8, rx: 5 });
  svg(group, "rect", { class: "hit", x: round((at.x0 + at.x1) / 2 - Math.max(6, (at.x1 - at.x0) / 2)), y: at.customer.y, width: round(Math.max(12, at.x1 - at.x0)), height: at.customer.height });
  return group;
}

function drawLegs(group, at, kind) {
  const top = at.customer.mid + at.half;
  const leg = (from, to, down, faint) => {
    const [y1, y2] = down ? [top, down.mid - 4] : [at.served.mid - 4, top];
    svg(group, "path", { class: `leg ${kind}${faint ? " lost" : ""}`, d: line(from, y1, to, y2) });
    if (!faint) svg(group, "path", { class: `head ${kind}`, d: arrowHead(from, y1, to, y2, 6) });
  };
  if (at.asked && at.asked !== at.served) {
    const x = (at.x0 + at.xa) / 2;
    leg(at.x0, x, at.asked, true);
    svg(group, "text", { class: "lost-mark", x: round(x), y: at.asked.mid + 4 }, "✗");
  }
  if (!at.served) return;
  leg(at.x0, at.xa, at.served, false);
  leg(at.xd, at.x1, null, false);
  if (at.leader) drawForward(group, at, kind);
}

// The write on its way from the branch that was asked to the leader, and the answer back.
function drawForward(group, at, kind) {
  const side = at.leader.mid > at.served.mid ? 4 : -4;
  const leg = (from, y1, to, y2) => {
    svg(group, "path", { class: `leg ${kind}`, d: line(from, y1, to, y2) });
    svg(group, "path", { class: `head ${kind}`, d: arrowHead(from, y1, to, y2, 6) });
  };
  leg(at.xa, at.served.mid + side, at.xl, at.leader.mid - side);
  leg(at.xc, at.leader.mid - side, at.xd, at.served.mid + side);
  svg(group, "rect", { class: `service ${kind}`, x: round(at.xl), y: at.leader.mid - 4, width: round(Math.max(at.xc - at.xl, 2)), height: 8, rx: 1 });
}

function drawService(picture, group, op, at, kind) {
  const { mid } = at.served;
  svg(group, "rect", { class: `service ${kind}`, x: round(at.xa), y: mid - 4, width: round(Math.max(at.xd - at.xa, 2)), height: 8, rx: 1 });
  svg(group, "rect", { class: "hit", x: round(at.xa - 4), y: mid - 9, width: round(at.xd - at.xa + 8), height: 18 });
  if (!at.wait) return;
  const [from, to] = at.wait;
  svg(group, "rect", { class: "wait", x: round(from), y: mid - 8, width: round(Math.max(to - from, 3)), height: 16, rx: 2, style: `fill:url(#hatch-${picture.run.number})` });
}

// Draws labels. The most important operations get their space first.
function drawLabels(picture, parent, ops) {
  const { run } = picture;
  const first = (op) => (picture.step(op) ? 0 : op.behind ? 1 : op === picture.chosen ? 2 : 3);
  const ranked = [...ops].sort((a, b) => first(a) - first(b) || a.index - b.index);
  const upright = crowdedLanes(picture, ops);
  const rooms = new Map();
  const roomOf = (key) => rooms.get(key) || rooms.set(key, labelRoom()).get(key);
  let badge = -Infinity;
  for (const op of ranked) {
    const at = shape(picture, op);
    const step = picture.step(op);
    const middle = (at.x0 + at.x1) / 2;
    const mark = step ? " marked" : "";
    if (at.customer.height > 40) {
      const text = shortWords(op);
      const y = at.customer.mid - at.half - 8;
      const width = textWidth(text, 12);
      const level = Math.min(middle, picture.width - width / 2 - 4);
      if (upright.has(at.customer)) {
        const short = text.length > 6 ? `${text.slice(0, 5)}…` : text;
        if (!roomOf(at.customer)(middle - 4, 8)) drawNoRoom(parent, middle, y + 3);
        else svg(parent, "text", { class: `label${mark}`, transform: `translate(${round(middle + 4)} ${round(y + 2)}) rotate(-90)` }, short);
      } else if (roomOf(at.customer)(level - width / 2, width)) {
        svg(parent, "text", { class: `label middle${mark}`, x: round(level), y: round(y) }, text);
      } else {
        drawNoRoom(parent, middle, y + 3);
      }
    }
    if (at.served && at.served.height >= 36) drawBranchLabel(picture, parent, op, at, roomOf(at.served), mark);
    if (step) {
      const x = Math.max(middle, badge + 20);
      badge = x;
      const y = at.customer.y + 11;
      svg(parent, "circle", { class: "badge", cx: round(x), cy: y, r: 9 });
      svg(parent, "text", { class: "badge-number", x: round(x), y: y + 4 }, String(step));
    }
  }
}

// A dot in place of a label.
function drawNoRoom(parent, x, y) {
  svg(parent, "circle", { class: "no-room", cx: round(x), cy: round(y), r: 2 });
}

function drawBranchLabel(picture, parent, op, at, room, mark) {
  const wait = op.wait > 0 ? `waits ${timeWords(op.wait)}${op.read ? "" : " for all"}` : "";
  const position = op.position === null ? "" : op.read ? `sees ${op.position}` : `writes ${op.position}`;
  const texts = op.wait > 0 ? [...(at.served.height > 50 ? [`${wait}, ${position}`] : []), wait, position] : [position, String(op.position === null ? "" : op.position)];
  for (const text of texts) {
    const width = textWidth(text, 12);
    const middle = Math.min(Math.max((at.xa + at.xd) / 2, GUTTER + width / 2), picture.width - width / 2 - 4);
    if (text && room(middle - width / 2, width)) {
      svg(parent, "text", { class: `told middle${op.wait > 0 ? " waits" : ""}${op.behind ? " short" : ""}${mark}`, x: round(middle), y: round(at.served.mid - 12) }, text);
      return;
    }
  }
}

// Lanes whose labels do not fit beside each other and that are high enough for upright labels.
function crowdedLanes(picture, ops) {
  const wanted = new Map();
  for (const op of ops) {
    const lane = picture.run.lanes.customer[op.customer];
    wanted.set(lane, (wanted.get(lane) || 0) + textWidth(shortWords(op), 12) + 6);
  }
  const crowded = new Set();
  for (const [lane, width] of wanted) if (lane.height >= 60 && width > (picture.width - GUTTER) * 0.85) crowded.add(lane);
  return crowded;
}
