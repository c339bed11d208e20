// Lanes of a run from top to bottom, and the boxes that show and hide them. A hidden lane has no place: `lanes.branch` and
// `lanes.customer` do not have it.

const SHOW_NAMED_MAX = 6;

// Gives each lane that is not in `hidden` its place. `mid` is the y of the lane's line.
function placeLanes(run, hidden) {
  const lanes = { customer: [], branch: new Map(), all: [] };
  let y = run.layout.axis;
  const add = (kind, name, height, share) => {
    if (hidden.has(name)) return undefined;
    const lane = { kind, name, label: name.length > 18 ? `${name.slice(0, 17)}…` : name, y, height, mid: y + height * share };
    lanes.all.push(lane);
    y += height;
    return lane;
  };
  for (const customer of run.customers) {
    lanes.customer.push(add("customer", `customer ${customer}`, run.layout.customer, run.layout.customer > 40 ? 0.78 : 0.5));
  }
  for (const branch of run.branches) {
    const lane = add("branch", `branch ${branch}`, run.layout.branch, run.layout.branch > 50 ? 0.56 : 0.5);
    if (lane) lanes.branch.set(branch, lane);
  }
  run.lanes = lanes;
  run.height = y + 4;
}

// Draws all pictures again when a box changes, and says beside the boxes which lanes are hidden.
function connectLanes(pictures) {
  const boxes = [...document.querySelectorAll("[data-lane]")];
  const shown = document.querySelector(".lanes-shown");
  const change = () => {
    const hidden = boxes.filter((box) => !box.checked).map((box) => box.dataset.lane);
    const named = hidden.length > SHOW_NAMED_MAX ? `${hidden.slice(0, SHOW_NAMED_MAX).join(", ")} and ${hidden.length - SHOW_NAMED_MAX} more` : hidden.join(", ");
    shown.textContent = hidden.length ? `${boxes.length - hidden.length} of ${boxes.length} shown; hidden: ${named}` : `all ${boxes.length} shown`;
    for (const picture of pictures) {
      placeLanes(picture.run, new Set(hidden));
      picture.frame.style.height = `${Math.min(picture.run.height, picture.run.layout.frame)}px`;
      picture.draw();
    }
  };
  for (const box of boxes) box.addEventListener("change", change);
  document.querySelector("[data-lanes=all]").addEventListener("click", () => {
    for (const box of boxes) box.checked = true;
    change();
  });
  // A browser may keep the boxes of an earlier visit.
  if (boxes.some((box) => !box.checked)) change();
}
