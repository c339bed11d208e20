// Operations as text: short for the picture, full for the panel and for screen readers.

function amountWords(op) {
  if (op.kind === "deposit") return `+${op.amount}`;
  if (op.kind === "withdraw") return `−${op.amount}`;
  if (op.kind === "transfer") return `→${op.amount}`;
  return "open";
}

// Label on a customer's lane.
function shortWords(op) {
  if (op.outcome === "answered") return `= ${op.balance}`;
  if (op.outcome === "accepted") return amountWords(op);
  return op.read ? "= ?" : `${amountWords(op)} ${op.outcome === "unknown" ? "?" : "✗"}`;
}

function actionWords(op) {
  const amount = op.amount === null ? "" : ` ${op.amount}`;
  const to = op.to === null ? "" : ` from ${op.account} to ${op.to}`;
  const account = op.to === null && op.account !== "main" ? ` (${op.account})` : "";
  return `${op.kind}${amount}${to}${account}`;
}

const branchOf = (op) => (op.served === null ? op.branch : op.served);

function outcomeWords(op) {
  if (op.outcome === "answered") {
    return `answered ${op.balance}${op.position === null ? "" : ` from position ${op.position}`}`;
  }
  return `${op.outcome}${op.position === null ? "" : ` at position ${op.position}`}`;
}

function wholeWords(op) {
  const event = op.event === null ? "" : `, event ${op.event}`;
  const waited = op.wait > 0 ? `, waited ${timeWords(op.wait)}` : "";
  const behind = op.behind ? `, behind: its session needed position ${op.required}` : "";
  return `customer ${op.name}${event}: ${actionWords(op)} at branch ${branchOf(op)}, ${outcomeWords(op)}${waited}${behind}`;
}

// Label of a command in the picture: position and action.
function shortCommand(command) {
  const what = command.kind === "open" ? `opened with ${command.amount}` : amountWords(command);
  return `${command.position}: ${what}${command.accepted ? "" : " ✗"}`;
}

function commandWords(command) {
  const who = command.op ? ` by customer ${command.op.name}` : "";
  const refused = command.accepted ? "" : ", refused";
  return `position ${command.position}: ${actionWords(command)}${who}${refused}`;
}

// Position that a read should have seen: the higher of what its session had seen and what its level promised.
function requiredPosition(op) {
  const promised = promisedPosition(op);
  return Math.max(op.required, promised ? promised.position : 0);
}

// Position that the level of a read promised, with the reason. `null` if the level promised nothing.
function promisedPosition(op) {
  const written = op.ownWrite ? { position: op.ownWrite.position, why: "its own last write", op: op.ownWrite } : null;
  const read = op.ownRead ? { position: op.ownRead.position, why: "what it had read before", op: op.ownRead } : null;
  const newest = op.newest ? { position: op.newest.position, why: "the newest that anyone had been told of", op: op.newest } : null;
  const later = (a, b) => (a && (!b || a.position >= b.position) ? a : b);
  switch (op.level) {
    case "read-your-writes": return written;
    case "monotonic-reads": return read;
    case "session": return later(written, read);
    case "strong": return later(newest, later(written, read));
    default: return null;
  }
}
