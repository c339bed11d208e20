// A run, as the page's data block has it: rows become objects that point at each other.

// A write that waits for every branch waits at least this long, in microseconds: less is no wait.
const WAIT_MIN = 100;

function named(columns, row) {
  const object = {};
  for (let i = 0; i < columns.length; i += 1) object[columns[i]] = row[i];
  return object;
}

function readRun(raw, number) {
  const run = {
    number,
    name: raw.name,
    singleMax: raw.single_max,
    layout: raw.layout,
    customers: raw.customers,
    branches: raw.branches,
    journals: raw.journals,
    faults: raw.faults,
    witnesses: raw.witnesses,
  };
  run.ops = raw.operations.map((row, index) => {
    const op = named(raw.columns, row);
    op.index = index;
    op.end = op.begin + op.took;
    op.read = op.kind === "query";
    op.sessionName = raw.sessions[op.session];
    op.name = raw.customers[op.customer];
    op.command = null;
    return op;
  });
  for (const op of run.ops) {
    for (const field of ["ownWrite", "ownRead", "newest"]) op[field] = op[field] === null ? null : run.ops[op[field]];
    op.needs = Math.max(op.ownWrite ? op.ownWrite.position : 0, op.ownRead ? op.ownRead.position : 0);
    op.behind = op.read && op.position !== null && op.position < op.needs;
  }
  run.commands = raw.commands.map((row, index) => {
    const command = named(raw.command_columns, row);
    command.index = index;
    command.op = command.op === null ? null : run.ops[command.op];
    if (command.op) command.op.command = command;
    command.first = null;
    for (const journal of run.journals) {
      const at = journal.at[index];
      if (at !== null && (command.first === null || at < command.first.at)) {
        command.first = { branch: journal.branch, at };
      }
    }
    return command;
  });
  run.byPosition = new Map(run.commands.map((command) => [command.position, command]));
  run.journalOf = new Map(run.journals.map((journal) => [journal.branch, journal]));
  for (const op of run.ops) know(run, op);
  run.end = endOf(run);
  run.lanes = lanesOf(run);
  return run;
}

// When a command reached a branch; `null`: never, or nobody knows.
function reachedAt(run, command, branch) {
  const journal = run.journalOf.get(branch);
  return journal ? journal.at[command.index] : null;
}

// What the journals tell of an operation's time at its branch. `since`: it was there by then, since a branch had applied
// it. `until`: it was not answered before, since its branch had only then what was read or written. `wait`: how long it
// waited there: a read as the branch says; a write to all from `waitFrom`, when its own branch had it, until every one had.
function know(run, op) {
  const command = op.read ? run.byPosition.get(op.position) : op.command;
  const during = (at) => at !== null && at >= op.begin && at <= op.end;
  const here = command ? reachedAt(run, command, branchOf(op)) : null;
  const first = op.read || !command || !command.first ? null : command.first.at;
  op.since = during(first) ? first : null;
  op.until = during(here) ? here : null;
  op.wait = op.waited;
  if (op.read || op.level !== "all" || op.until === null) return;
  const reached = run.branches.map((branch) => reachedAt(run, command, branch)).filter(during);
  const everywhere = op.missing.length ? op.end : Math.max(...reached);
  if (everywhere - here < WAIT_MIN) return;
  op.waitFrom = here;
  op.until = everywhere;
  op.wait = everywhere - here;
}

function endOf(run) {
  let end = 1;
  for (const op of run.ops) end = Math.max(end, op.end);
  for (const journal of run.journals) for (const at of journal.at) if (at !== null) end = Math.max(end, at);
  for (const fault of run.faults) if (fault.until !== null) end = Math.max(end, fault.until);
  return end;
}

// From top to bottom: customers, then branches. `mid` is the line that things are drawn on.
function lanesOf(run) {
  const lanes = { customer: [], branch: new Map(), all: [] };
  let y = run.layout.axis;
  const add = (kind, label, height, share) => {
    const lane = { kind, label: label.length > 18 ? `${label.slice(0, 17)}…` : label, y, height, mid: y + height * share };
    lanes.all.push(lane);
    y += height;
    return lane;
  };
  for (const customer of run.customers) {
    lanes.customer.push(add("customer", `customer ${customer}`, run.layout.customer, run.layout.customer > 40 ? 0.78 : 0.5));
  }
  for (const branch of run.branches) lanes.branch.set(branch, add("branch", `branch ${branch}`, run.layout.branch, run.layout.branch > 50 ? 0.56 : 0.5));
  return lanes;
}
