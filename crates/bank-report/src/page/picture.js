// The picture of one run. It is drawn again when the view or the chosen operation changes.

// Smallest average space of an operation in the first view.
const ROOM_PX = 12;

function makePicture(section, run, common) {
  const frame = section.querySelector(".frame");
  const panel = section.querySelector(".panel");
  const picture = {
    run, frame, panel, section,
    toScale: run.ops.length > run.singleMax,
    showSpread: true,
    proof: run.witnesses.length ? 0 : null,
    chosen: null, focused: null, slices: [], single: true,
  };
  const root = svg(frame, "svg", { role: "group", "aria-label": `Space–time diagram: ${run.customers.length} customers, ${run.branches.length} branches, ${run.ops.length} operations` });
  hatch(root, run.number);
  const [backdrop, plot, spotlight, above, top, hint] = ["backdrop", "plot", "spotlight", "above", "top", "hint-box"].map((name) => svg(root, "g", { class: name }));

  picture.setClock = () => {
    picture.clock = picture.toScale ? clockToScale(common.end(run)) : clockEvened(run);
    picture.from = 0;
    picture.length = picture.clock.length;
  };
  picture.scaleX = () => (picture.width - GUTTER - 24) / picture.length;
  picture.x = (us) => GUTTER + 10 + (picture.clock.place(us) - picture.from) * picture.scaleX();
  picture.timeAt = (x) => picture.clock.time(picture.from + (x - GUTTER - 10) / picture.scaleX());
  picture.step = (op) => (picture.proof === null ? 0 : run.witnesses[picture.proof].operations.indexOf(op.index) + 1);
  picture.inView = () => {
    const [from, to] = [picture.timeAt(GUTTER), picture.timeAt(picture.width)];
    return run.ops.filter((op) => run.lanes.customer[op.customer] && op.end >= from && op.begin <= to);
  };

  picture.draw = (width) => {
    picture.width = width || Math.max(frame.clientWidth, 280);
    root.setAttribute("width", picture.width);
    root.setAttribute("height", run.height);
    root.setAttribute("viewBox", `0 0 ${picture.width} ${run.height}`);
    for (const group of [backdrop, plot, above, top, hint]) group.replaceChildren();
    const ops = picture.inView();
    picture.single = ops.length <= run.singleMax;
    drawLanes(picture, backdrop);
    drawLeaders(picture, backdrop);
    drawAxis(picture, backdrop, top);
    const faultNames = svg(null, "g", {});
    drawFaults(picture, plot, faultNames);
    if (picture.single) {
      const arrival = arrivalOf(picture);
      drawJournal(picture, plot, arrival);
      for (const op of ops) if (!picture.step(op)) drawOperation(picture, plot, op);
      if (arrival) drawArrival(picture, above, arrival);
      for (const op of ops) if (picture.step(op)) drawOperation(picture, above, op).classList.add("witness", "highlighted");
      drawLabels(picture, above, ops);
    } else {
      picture.slices = drawCounts(picture, plot, ops);
    }
    above.appendChild(faultNames);
    coverGutter(picture, above);
    root.classList.toggle("with-proof", picture.proof !== null);
    frame.dataset.mode = picture.single ? "single" : "counts";
    mark(picture);
    status(picture, ops);
    common.drawOverview(picture);
  };

  picture.look = (from, length) => {
    const least = picture.clock.length / 20000;
    picture.length = Math.min(Math.max(length, least), picture.clock.length);
    picture.from = Math.min(Math.max(from, 0), picture.clock.length - picture.length);
    picture.draw();
  };
  picture.zoom = (factor, at) => {
    const centre = picture.from + picture.length * (at === undefined ? 0.5 : at);
    const length = picture.length * factor;
    picture.look(centre - length * (at === undefined ? 0.5 : at), length);
  };
  picture.pan = (share) => picture.look(picture.from + picture.length * share, picture.length);

  // The first view: the whole run, or a part with enough space between operations, at the begin of the run or around the proof.
  picture.begin = () => {
    picture.width = Math.max(frame.clientWidth, 280);
    const share = ((picture.width - GUTTER) / ROOM_PX) / Math.max(run.ops.length, 1);
    if (run.ops.length > run.singleMax || share >= 1) return picture.draw();
    const last = picture.proof === null ? undefined : run.witnesses[0].operations.at(-1);
    const centre = last === undefined ? 0 : picture.clock.place(run.ops[last].begin);
    const length = picture.clock.length * share;
    return picture.look(centre - length * 0.6, length);
  };

  // Moves an operation into view, close enough to be drawn by itself.
  picture.bring = (op) => {
    const visible = picture.x(op.begin) >= GUTTER && picture.x(op.end) <= picture.width;
    if (visible && picture.single) return;
    let length = picture.length;
    if (!picture.single || run.ops.length > run.singleMax) length = Math.min(length, (picture.clock.length * 60) / run.ops.length);
    picture.look(picture.clock.place((op.begin + op.end) / 2) - length / 2, length);
  };
  picture.choose = (op) => {
    picture.chosen = op;
    picture.focused = op;
    if (op) {
      picture.bring(op);
      showOperation(panel, run, op, (other) => { picture.choose(other); picture.focus(); });
    } else {
      showHint(panel, run);
    }
    mark(picture);
  };
  picture.focus = (inPlace) => {
    const element = picture.focused && root.querySelector(`[data-op="${picture.focused.index}"]`);
    if (element) element.focus({ preventScroll: Boolean(inPlace) });
  };
  // Shows the steps of a proof and some operations around them.
  picture.showProof = (index) => {
    picture.proof = index;
    const steps = run.witnesses[index].operations.map((step) => run.ops[step]);
    if (!steps.length) return picture.draw();
    const from = picture.clock.place(Math.min(...steps.map((op) => op.begin)));
    const to = picture.clock.place(Math.max(...steps.map((op) => op.end)));
    const length = Math.max((to - from) * 1.6, picture.clock.length / 50);
    picture.look((from + to - length) / 2, length);
    picture.choose(steps[steps.length - 1]);
    picture.focus();
    return undefined;
  };
  frame.addEventListener("scroll", () => top.setAttribute("transform", `translate(0 ${frame.scrollTop})`));
  picture.root = root;
  picture.hint = hint;
  picture.spotlight = spotlight;
  picture.setClock();
  return picture;
}

function hatch(root, number) {
  const pattern = svg(svg(root, "defs", {}), "pattern", { id: `hatch-${number}`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  svg(pattern, "rect", { class: "hatch-ground", width: 6, height: 6 });
  svg(pattern, "rect", { class: "hatch-stripe", width: 2.4, height: 6 });
}

// The command that the last step of the proof should have seen, with the time and lane of its arrival. `null` if there is none.
function arrivalOf(picture) {
  if (picture.proof === null) return null;
  const { run } = picture;
  const steps = run.witnesses[picture.proof].operations.map((index) => run.ops[index]);
  const last = steps[steps.length - 1];
  if (!last || !last.read || last.position === null) return null;
  const needed = Math.max(last.required, ...steps.map((op) => op.position || 0));
  const command = needed > last.position ? run.byPosition.get(needed) : undefined;
  const at = command ? reachedAt(run, command, branchOf(last)) : null;
  const lane = run.lanes.branch.get(branchOf(last));
  if (at === null || !lane) return null;
  const text = `${shortCommand(command)} ${at <= last.end ? "was here" : "arrives only here"}`;
  const width = textWidth(text, 12);
  const x = picture.x(at);
  const left = Math.min(x - width + 20, picture.width - width - 4);
  return { command, lane, x, text, left, width };
}

// Draws the lane names above everything that reaches below them.
function coverGutter(picture, parent) {
  svg(parent, "rect", { class: "gutter", x: 0, y: picture.run.layout.axis, width: GUTTER - 3, height: picture.run.height });
  for (const lane of picture.run.lanes.all) {
    const leads = leadWords(picture, lane);
    svg(parent, "text", { class: `lane-name ${lane.kind}`, x: 10, y: lane.mid + (leads ? -2 : 4) }, lane.label);
    if (leads) svg(parent, "text", { class: "lead-name", x: 10, y: lane.mid + 12 }, leads);
  }
}

function mark(picture) {
  drawSpot(picture, picture.spotlight);
  for (const element of picture.root.querySelectorAll("[data-op],[data-slice]")) {
    const op = element.dataset.op === undefined ? null : picture.run.ops[element.dataset.op];
    element.classList.toggle("chosen", op !== null && op === picture.chosen);
    element.setAttribute("tabindex", -1);
  }
  const entry = (picture.focused && picture.root.querySelector(`[data-op="${picture.focused.index}"]`)) || picture.root.querySelector("[data-op],[data-slice]");
  if (entry) entry.setAttribute("tabindex", 0);
}

function status(picture, ops) {
  const { run } = picture;
  const clock = picture.toScale ? "Time is to scale." : "Busy moments get more room than idle ones; the times on the axis are real.";
  const drawn = picture.single
    ? `${ops.length} of ${run.ops.length} operations in view, each drawn.`
    : `${ops.length} of ${run.ops.length} operations in view, counted in slices of time.`;
  const text = `${drawn} ${clock}`;
  const element = picture.section.querySelector(".status");
  if (element.textContent !== text) element.textContent = text;
}
