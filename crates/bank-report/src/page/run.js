// Reads a run from the page's data block: rows become objects that refer to each other.

// Shortest wait of a write for every branch, in microseconds. Less is no wait.
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
    op.required = Math.max(op.ownWrite ? op.ownWrite.position : 0, op.ownRead ? op.ownRead.position : 0);
    op.behind = op.read && op.position !== null && op.position < op.required;
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
  for (const op of run.ops) addTimes(run, op);
  run.end = endOf(run);
  run.lanes = lanesOf(run);
  return run;
}

// Time at which a command reached a branch. `null` if it did not, or if the time is not known.
function reachedAt(run, command, branch) {
  const journal = run.journalOf.get(branch);
  return journal ? journal.at[command.index] : null;
}

// Adds what the journals show about an operation's time at its branch.
// `since`: the request had arrived by then, because a branch had applied its command.
// `until`: the branch did not answer before, because only then it had the command that was read or written.
// `wait`: how long it waited. For a read, as the branch reports. For a write with propagation `all`, from `waitFrom`, when its own
// branch had it, until every branch had it.
function addTimes(run, op) {
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

// Lanes from top to bottom: customers, then branches. `mid` is the y of the lane's line.
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
