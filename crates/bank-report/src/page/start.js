// Starts the picture of every run and connects mouse, keys, tools and links to it.

const OVERVIEW_HEIGHT = 34;
// Width in CSS pixels that A4 and Letter have for text, with usual margins.
const PAPER_WIDTH = 680;

function drawOverview(picture) {
  const box = picture.section.querySelector(".overview");
  const width = picture.width - GUTTER;
  const { run, clock } = picture;
  const slices = new Array(Math.max(1, Math.floor(width / 4))).fill(0);
  for (const op of run.ops) slices[Math.min(slices.length - 1, Math.floor((clock.place(op.begin) / clock.length) * slices.length))] += 1;
  const most = Math.max(1, ...slices);
  box.replaceChildren();
  const root = svg(box, "svg", { width: picture.width, height: OVERVIEW_HEIGHT });
  svg(root, "text", { class: "axis-name", x: 10, y: 21 }, "whole run");
  const d = slices.map((count, i) => (count ? `M${round(GUTTER + (i * width) / slices.length)} ${OVERVIEW_HEIGHT}v${round((-count / most) * (OVERVIEW_HEIGHT - 6))}` : "")).join("");
  svg(root, "path", { class: "density", d });
  const x = GUTTER + (picture.from / clock.length) * width;
  svg(root, "rect", { class: "window", x: round(x), y: 1, width: round(Math.max((picture.length / clock.length) * width - 1, 3)), height: OVERVIEW_HEIGHT - 2, rx: 3 });
}

function connectTools(picture) {
  const actions = {
    all: () => picture.look(0, picture.clock.length),
    in: () => picture.zoom(0.5),
    out: () => picture.zoom(2),
    left: () => picture.pan(-0.4),
    right: () => picture.pan(0.4),
  };
  const boxes = {
    scale: (on) => { picture.toScale = on; picture.setClock(); picture.draw(); },
    spread: (on) => { picture.showSpread = on; picture.draw(); },
  };
  for (const tool of picture.section.querySelectorAll("[data-do]")) {
    const name = tool.dataset.do;
    if (actions[name]) tool.addEventListener("click", actions[name]);
    else tool.addEventListener("change", () => boxes[name](tool.checked));
    if (name === "scale") tool.checked = picture.toScale;
  }
  for (const button of picture.section.querySelectorAll(".show-proof")) {
    button.addEventListener("click", () => picture.showProof(Number(button.dataset.witness)));
  }
}

function connectMouse(picture) {
  const { frame } = picture;
  let drag = null;
  frame.addEventListener("click", (event) => {
    if (drag && drag.moved) return;
    open(picture, event.target.closest("[data-op],[data-slice]"));
  });
  frame.addEventListener("wheel", (event) => {
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (event.ctrlKey) picture.zoom(event.deltaY > 0 ? 1.25 : 0.8, (event.clientX - frame.getBoundingClientRect().left - GUTTER) / (picture.width - GUTTER));
    else if (sideways) picture.pan(sideways / picture.width);
    else return;
    event.preventDefault();
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, from: picture.from, moved: false }; });
  window.addEventListener("pointermove", (event) => {
    if (!drag || !(event.buttons & 1)) return;
    const dx = event.clientX - drag.x;
    if (Math.abs(dx) > 4) drag.moved = true;
    if (drag.moved) picture.look(drag.from - dx / picture.scaleX(), picture.length);
  });
  const overview = picture.section.querySelector(".overview");
  const jump = (event) => {
    const share = (event.clientX - overview.getBoundingClientRect().left - GUTTER) / (picture.width - GUTTER);
    picture.look(share * picture.clock.length - picture.length / 2, picture.length);
  };
  overview.addEventListener("pointerdown", jump);
  overview.addEventListener("pointermove", (event) => { if (event.buttons & 1) jump(event); });
}

// Opens an operation in the panel, or zooms into a slice.
function open(picture, element) {
  if (!element) return;
  if (element.dataset.op !== undefined) {
    picture.choose(picture.run.ops[element.dataset.op]);
    picture.focus();
    return;
  }
  const slice = picture.slices[element.dataset.slice];
  const [from, to] = [slice.from, slice.to].map(picture.clock.place);
  picture.look(from, to - from);
  const first = picture.root.querySelector("[data-op],[data-slice]");
  if (first) first.focus();
}

function connectKeys(picture) {
  const { run } = picture;
  const step = (element, by) => {
    if (element.dataset.op === undefined) {
      const slices = [...picture.root.querySelectorAll("[data-slice]")];
      const next = slices[slices.indexOf(element) + by];
      if (next) next.focus();
      return;
    }
    let next = Number(element.dataset.op) + by;
    while (run.ops[next] && !run.lanes.customer[run.ops[next].customer]) next += by;
    move(run.ops[next]);
  };
  const move = (op) => {
    if (!op) return;
    picture.focused = op;
    picture.bring(op);
    mark(picture);
    picture.focus();
  };
  // Moves to the next customer with operations, up or down, to the operation that began nearest in time.
  const across = (op, by) => {
    for (let customer = op.customer + by; customer >= 0 && customer < run.customers.length; customer += by) {
      if (!run.lanes.customer[customer]) continue;
      const nearest = run.ops.filter((other) => other.customer === customer).reduce((best, other) => (!best || Math.abs(other.begin - op.begin) < Math.abs(best.begin - op.begin) ? other : best), null);
      if (nearest) return move(nearest);
    }
    return undefined;
  };
  picture.frame.addEventListener("keydown", (event) => {
    const element = event.target.closest("[data-op],[data-slice]");
    if (!element || event.ctrlKey || event.metaKey || event.altKey) return;
    const op = element.dataset.op === undefined ? null : run.ops[element.dataset.op];
    const keys = {
      ArrowRight: () => step(element, 1),
      ArrowLeft: () => step(element, -1),
      ArrowDown: () => op && across(op, 1),
      ArrowUp: () => op && across(op, -1),
      Home: () => move(run.ops.find((op) => run.lanes.customer[op.customer])),
      End: () => move(run.ops.findLast((op) => run.lanes.customer[op.customer])),
      Enter: () => open(picture, element),
      " ": () => open(picture, element),
      "+": () => { picture.zoom(0.5); picture.focus(); },
      "-": () => { picture.zoom(2); picture.focus(); },
      0: () => { picture.look(0, picture.clock.length); picture.focus(); },
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  picture.section.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !picture.chosen) return;
    const was = picture.chosen;
    picture.choose(null);
    picture.focused = was;
    mark(picture);
    picture.focus();
  });
}

// Follows a link: #r0-17 is operation 17 of the first run.
function follow(pictures, scroll) {
  const found = /^#r(\d+)-(\d+)$/.exec(window.location.hash);
  const picture = found && pictures[found[1]];
  const op = picture && picture.run.ops[found[2]];
  if (!op) return;
  picture.choose(op);
  if (scroll) picture.section.scrollIntoView({ block: "nearest" });
  picture.focus(!scroll);
}

// Chooses the operation that the panel shows first: the last step of a proof, the first operation that waited, the same operation
// as in the other run's proof, or the first read that needed a write from another branch.
function chooseFirst(all) {
  const proofs = all.map((picture) => {
    const steps = picture.proof === null ? [] : picture.run.witnesses[picture.proof].operations;
    return steps.length ? picture.run.ops[steps[steps.length - 1]] : null;
  });
  const proof = proofs.find((op) => op);
  all.forEach((picture, index) => {
    const waited = picture.run.ops.find((op) => op.wait > 0);
    const same = proof && picture.run.ops.find((op) => op.event !== null && op.name === proof.name && op.event === proof.event);
    const away = picture.run.ops.find((op) => op.read && op.ownWrite && op.ownWrite.position === op.required && branchOf(op.ownWrite) !== branchOf(op));
    const first = proofs[index] || waited || same || away;
    if (first && picture.single) picture.choose(first);
  });
}

// Paper is narrower than a window. A picture that was only made smaller would have text too small to read, so it is drawn again.
function connectPrint(all) {
  window.addEventListener("beforeprint", () => all.forEach((picture) => picture.draw(PAPER_WIDTH)));
  window.addEventListener("afterprint", () => all.forEach((picture) => picture.draw()));
}

const runs = JSON.parse(document.getElementById("runs").textContent).map(readRun);
const longest = Math.max(...runs.flatMap((run) => run.lanes.all.map((lane) => lane.label.length)), 0);
const leads = runs.some((run) => run.leaders.length) ? 22 + textWidth("leads, 10 terms", 12) : 0;
GUTTER = Math.max(92, 20 + Math.ceil(longest * 7.6), Math.ceil(leads));
const common = { end: () => Math.max(...runs.map((run) => run.end)), drawOverview };
const pictures = runs.map((run) => makePicture(document.getElementById(`run-${run.number}`), run, common));
for (const picture of pictures) {
  showHint(picture.panel, picture.run);
  picture.begin();
  connectTools(picture);
  connectMouse(picture);
  connectKeys(picture);
  connectHint(picture);
  let width = picture.frame.clientWidth;
  new ResizeObserver(() => {
    if (picture.frame.clientWidth === width) return;
    width = picture.frame.clientWidth;
    picture.draw();
  }).observe(picture.frame);
}
connectLanes(pictures);
chooseFirst(pictures);
connectPrint(pictures);
window.addEventListener("hashchange", () => follow(pictures, true));
follow(pictures, false);
document.documentElement.dataset.drawn = "yes";
