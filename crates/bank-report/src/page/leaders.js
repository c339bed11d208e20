// Draws which branch led when: a band along its lane, and a line from one leader to the next.

// Adds to each leader the time until which it led: until its process was killed, or until the next leader.
function addLeaders(run, leaders) {
  run.leaders = leaders;
  leaders.forEach((leader, index) => {
    const next = leaders[index + 1];
    const ends = run.faults.filter((fault) => fault.dead && fault.branches.includes(leader.branch) && fault.from >= (leader.from ?? 0)).map((fault) => fault.from);
    leader.until = Math.min(next && next.from !== null ? next.from : Infinity, ...ends);
  });
}

// The leader that gave a command its position. `null` if it is not known.
function leaderOf(run, command) {
  let found = null;
  for (const leader of run.leaders) {
    if (leader.after >= command.position) break;
    found = leader;
  }
  return found;
}

// The lane of that leader. `null` if it is not known, or hidden.
function leaderLane(run, command) {
  const leader = leaderOf(run, command);
  return (leader && run.lanes.branch.get(leader.branch)) || null;
}

function drawLeaders(picture, parent) {
  const { run } = picture;
  let before = null;
  for (const leader of run.leaders) {
    const lane = run.lanes.branch.get(leader.branch);
    const from = leader.from === null || leader.from < 0 ? GUTTER - 2 : Math.max(picture.x(leader.from), GUTTER - 2);
    const to = leader.until === Infinity ? picture.width + 2 : Math.min(picture.x(leader.until), picture.width + 2);
    const place = lane && { x: to, y: lane.mid };
    if (lane && to >= from) {
      const group = svg(parent, "g", {});
      svg(group, "title", {}, `branch ${leader.branch} leads in term ${leader.term}`);
      svg(group, "rect", { class: "lead", x: round(from), y: lane.mid - 10, width: round(Math.max(to - from, 2)), height: 20 });
      if (before && from > GUTTER) svg(parent, "path", { class: "election", d: line(before.x, before.y, from, lane.mid) });
    }
    before = place;
  }
}

// The words beside a lane's name: the terms in which its branch leads while the view lasts.
function leadWords(picture, lane) {
  const [from, to] = [picture.timeAt(GUTTER), picture.timeAt(picture.width)];
  const leads = picture.run.leaders.filter((leader) => `branch ${leader.branch}` === lane.name && (leader.from ?? 0) <= to && leader.until >= from);
  if (!leads.length) return "";
  return leads.length === 1 ? `leads, term ${leads[0].term}` : `leads, ${leads.length} terms`;
}
