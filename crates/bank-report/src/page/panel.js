// The panel beside the picture: what the chosen operation saw and what it had to see.

const MISSED_MAX = 8;

function showHint(panel, run) {
  panel.replaceChildren();
  html(panel, "h3", {}, "No operation chosen");
  html(panel, "p", { class: "note" }, run.ops.length ? "Choose one in the picture to see what it saw and what it had to see." : "The run holds no operation.");
}

function showOperation(panel, run, op, choose) {
  panel.replaceChildren();
  html(panel, "h3", {}, `${actionWords(op)} at branch ${branchOf(op)}`);
  const event = op.event === null ? "" : `, event ${op.event}`;
  html(panel, "p", { class: "note" }, `customer ${op.name}${event}, at ${timeWords(op.begin)}`);
  const list = html(panel, "dl", {});
  const fact = (name, value) => {
    if (value === null || value === "") return null;
    html(list, "dt", {}, name);
    return html(list, "dd", {}, value);
  };
  fact(op.read ? "What it saw" : "What came of it", `${outcomeWords(op)}${!op.read && op.balance !== null ? `; balance then ${op.balance}` : ""}`);
  hadToSee(op, fact, choose);
  missed(run, op, fact);
  fact(op.read ? "Level" : "Waited for", levelWords(op));
  const waited = op.wait > 0 ? `, of which it waited ${timeWords(op.wait)} ${op.read ? "at the branch" : "until every branch had it"}` : "";
  fact("Took", `${timeWords(op.took)}${waited || (op.read ? ", no wait at the branch" : "")}`);
  if (op.served !== op.branch) fact("Asked", `branch ${op.branch}; ${op.served === null ? "no branch answered" : `branch ${op.served} answered`}`);
  fact("Sent", op.attempts === 1 ? "once" : `${op.attempts} times${op.id ? ", with the same request id" : ""}`);
  if (op.repeated) fact("Repeated", "it had been decided before: this is that outcome");
  if (op.missing.length) fact("Not confirmed by", op.missing.map((branch) => `branch ${branch}`).join(", "));
  fact("Error", op.error);
  fact("Request id", op.id);
  fact("Session", `${op.sessionName}, number ${op.sequence}`);
}

function levelWords(op) {
  const words = {
    eventual: "eventual: whatever the branch has",
    "read-your-writes": "read-your-writes: at least what the session wrote",
    "monotonic-reads": "monotonic-reads: at least what the session has read",
    session: "session: at least what the session wrote or read",
    strong: "strong: everything acknowledged before it began",
    quorum: "a quorum of branches",
    all: "every branch",
  };
  return words[op.level] || op.level;
}

function hadToSee(op, fact, choose) {
  const link = (item, other) => {
    if (!item || !other) return;
    item.append(" ");
    const button = html(item, "button", { type: "button", class: "link" }, `(${actionWords(other)}${other.event === null ? "" : `, event ${other.event}`})`);
    button.addEventListener("click", () => choose(other));
  };
  if (!op.read) {
    if (op.required) link(fact("Had to come after", `position ${op.required}, which its session had ${op.ownWrite && op.ownWrite.position === op.required ? "written" : "read"}`), op.ownWrite && op.ownWrite.position === op.required ? op.ownWrite : op.ownRead);
    return;
  }
  const promised = promisedPosition(op);
  if (!promised) {
    fact("Had to see", op.level === "eventual" ? "anything: eventual promises nothing" : "anything: its session had seen nothing yet");
  } else {
    link(fact("Had to see", `position ${promised.position} or later: ${promised.why}`), promised.op);
  }
  if (op.required && (!promised || promised.position < op.required)) {
    const from = op.ownWrite && op.ownWrite.position === op.required ? op.ownWrite : op.ownRead;
    link(fact("Its session had seen", `position ${op.required}, which it had ${from === op.ownWrite ? "written" : "read"}`), from);
  }
}

// Lists the writes that a read missed: those that its session or its level required, and newer ones that it did not have to see.
function missed(run, op, fact) {
  if (!op.read || op.position === null) return;
  const needed = requiredPosition(op);
  if (needed > op.position) listWrites(run, op, op.position, needed, (value) => fact("Missed", value)).classList.add("short");
  else if (needed) fact("Missed", "nothing");
  const newest = op.newest ? op.newest.position : 0;
  const seen = Math.max(needed, op.position);
  if (newest > seen) listWrites(run, op, seen, newest, (value) => fact("Done by then, but not asked for", value));
}

// Lists the writes after one position up to another, with the time at which each reached the branch. `fact` creates the list item.
function listWrites(run, op, after, to, fact) {
  const commands = run.commands.filter((command) => command.position > after && command.position <= to);
  const item = fact(commands.length ? " " : `positions ${after + 1} to ${to}`);
  const list = html(item, "ul", {});
  for (const command of commands.slice(0, MISSED_MAX)) html(list, "li", {}, commandWords(command) + arrivalWords(run, command, branchOf(op), op));
  if (commands.length > MISSED_MAX) html(list, "li", {}, `and ${commands.length - MISSED_MAX} more`);
  return item;
}

function arrivalWords(run, command, branch, op) {
  const at = reachedAt(run, command, branch);
  if (at === null) return `; never seen to reach branch ${branch}`;
  return at > op.end ? `; reached branch ${branch} ${timeWords(at - op.end)} after the answer` : `; was at branch ${branch} since ${timeWords(at)}`;
}
