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
  addLeaders(run, raw.leaders);
  for (const journal of run.journals) journal.again = restartOf(run, journal);
  for (const op of run.ops) addTimes(run, op);
  run.end = endOf(run);
  placeLanes(run, new Set());
  return run;
}

// Time at which a command reached a branch. `null` if it did not, or if the time is not known.
function reachedAt(run, command, branch) {
  const journal = run.journalOf.get(branch);
  return journal ? journal.at[command.index] : null;
}

// When a branch began again, if it does not know the times of commands before. A restarted process does not know when the process
// before it applied a command; it knows only which commands it has. `null` if the branch knows all times of the run.
function restartOf(run, journal) {
  const forgot = run.commands.some((command) => isForgotten(journal, command));
  if (!forgot) return null;
  const restarts = run.faults.filter((fault) => fault.dead && fault.until !== null && fault.branches.includes(journal.branch));
  if (restarts.length) return Math.max(...restarts.map((fault) => fault.until));
  const known = journal.at.filter((at) => at !== null && at >= 0);
  return known.length ? Math.min(...known) : Infinity;
}

// A command of the run that the branch has, without a time. A command from before the run has no time anywhere.
function isForgotten(journal, command) {
  return journal.at[command.index] === null && command.position <= journal.position && command.first !== null && command.first.at >= 0;
}

// Adds what the journals show about an operation's time at its branch.
// `since`: the request had arrived by then, because a branch had applied its command.
// `until`: the branch did not answer before, because only then it had the command that was read, or the leader had decided the one
// that was written.
// `wait`: how long it waited. For a read, as the branch reports. For a write with propagation `all`, from `waitFrom`, when its own
// branch had it, until every branch had it.
function addTimes(run, op) {
  const command = op.read ? run.byPosition.get(op.position) : op.command;
  const during = (at) => at !== null && at >= op.begin && at <= op.end;
  const here = command ? reachedAt(run, command, branchOf(op)) : null;
  const first = op.read || !command || !command.first ? null : command.first.at;
  op.since = during(first) ? first : null;
  const decided = op.read || !command || !leaderOf(run, command) ? here : first;
  op.until = during(decided) ? decided : null;
  op.wait = op.waited;
  if (op.read || op.level !== "all" || !during(here)) return;
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
