//! Turns JSON into a checked [`Input`]. The check stops at the first error.

use super::branches::{Branches, known_branch};
use super::entry::{Checked, Entry, NUMBER_RULE, integer, name, written, wrong};
use super::error::{InputError, Wrong};
use super::fault;
use super::file::read_text;
use super::json::{self, Inside, Member, Node, SyntaxError, Value};
use super::planned_fault::PlannedFault;
use bank_check::script::{Action, Event, Script, Visit};
use std::collections::BTreeSet;
use std::path::Path;

const AMOUNT_RULE: &str = "an amount is a whole number from 1 to 9223372036854775807, in digits alone";

/// A checked input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Numbers of the branches in the order of the file. Each is unique and at least 1.
    pub branches: Vec<u32>,
    /// Opening balance and customers. The branch of each event is one of `branches`.
    pub script: Script,
    /// Faults in the order of the file. Their branches and events exist in this input.
    pub faults: Vec<PlannedFault>,
}

impl Input {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// An error names the file and, if it is in the content, line, column, customer and event.
    pub fn load(path: &Path) -> Result<Self, InputError> {
        Self::parse(path, &read_text(path)?)
    }

    /// Checks a text. `path` is named in errors.
    ///
    /// # Errors
    /// As [`Input::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, InputError> {
        validate(text).map_err(|wrong| wrong.in_file(path, text))
    }

    /// Number of events of all customers.
    pub fn event_count(&self) -> usize {
        self.script.visits.iter().map(|visit| visit.events.len()).sum()
    }

    /// Number of customers. A customer that is listed several times counts once.
    pub fn customer_count(&self) -> usize {
        let customers: BTreeSet<u64> = self.script.visits.iter().map(|visit| visit.customer).collect();
        customers.len()
    }

    /// Whether a fault affects the network, so that the branches have to be connected through relays.
    pub fn needs_relays(&self) -> bool {
        self.faults.iter().any(|fault| fault.action.needs_relays())
    }
}

/// Checks the text of an input.
fn validate(text: &str) -> Checked<Input> {
    let root = json::read(text).map_err(syntax)?;
    let mut branches = Branches::default();
    let (mut customers, mut faults) = (Vec::new(), Vec::new());
    for (index, node) in elements(&root)?.iter().enumerate() {
        let (kind, entry) = entry(index, faults.len(), node)?;
        match kind {
            Kind::Branch => branches.add(&entry)?,
            Kind::Customer => customers.push(entry),
            Kind::Fault => faults.push(entry),
        }
    }
    let Some(opening_balance) = branches.opening_balance else {
        let what = "there is no branch; add one, such as {\"id\": 1, \"type\": \"branch\", \"balance\": 0}";
        return Err(wrong(root.at, "", what));
    };
    let visits = customers
        .iter()
        .map(|entry| visit(entry, &branches))
        .collect::<Checked<Vec<_>>>()?;
    Ok(Input {
        faults: fault::faults(&faults, &branches, &visits)?,
        branches: branches.in_order,
        script: Script {
            opening_balance,
            visits,
        },
    })
}

/// Names the customer and the event that contain a syntax error.
fn syntax(error: SyntaxError<'_>) -> Wrong {
    let mut names = Vec::new();
    let mut outer_first = error.trail.iter().rev();
    while let (Some(Inside::Array(index)), Some(Inside::Object(members, key))) =
        (outer_first.next(), outer_first.next())
    {
        let kind = members
            .iter()
            .find(|member| member.key == "type")
            .map(|member| &member.value.value);
        let what = match kind {
            _ if !names.is_empty() => "event",
            Some(Value::String(kind)) if matches!(kind.as_str(), "branch" | "bank") => "branch",
            Some(Value::String(kind)) if kind == "fault" => "entry",
            _ if kind.is_some() || key.as_deref() == Some("events") => "customer",
            _ => "entry",
        };
        names.push(name(what, members, *index));
    }
    let in_money = matches!(error.trail.first(), Some(Inside::Object(_, Some(key))) if key == "money");
    let what = if in_money {
        format!("\"money\": {}: {AMOUNT_RULE}", error.what)
    } else {
        error.what
    };
    wrong(error.at, &names.join(", "), what)
}

fn elements<'n, 'a>(root: &'n Node<'a>) -> Checked<&'n [Node<'a>]> {
    match &root.value {
        Value::Array(elements) => Ok(elements),
        Value::Object(members) => Err(wrong(root.at, "", object(members))),
        other => Err(wrong(
            root.at,
            "",
            format!(
                "the file holds {}; it has to hold an array [ ] of customers and branches",
                other.kind()
            ),
        )),
    }
}

/// What is wrong with a file that holds one object.
fn object(members: &[Member<'_>]) -> String {
    let has = |key: &str| members.iter().any(|member| member.key == key);
    let kept_apart = ["customers", "branches"].into_iter().find(|key| has(key));
    match kept_apart {
        Some(key) => format!(
            "the file holds an object with \"{key}\"; an input is one array [ ] of all customers and branches, each with \
             its \"type\""
        ),
        None if has("type") => {
            "the file holds an object { }; it has to hold an array of customers and branches: put it in [ ]".to_owned()
        }
        None => "the file holds an object { }; it has to hold an array [ ] of customers and branches".to_owned(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Customer,
    Branch,
    Fault,
}

/// Takes an element of the file as a customer, a branch or a fault, and refuses unknown fields. `faults` is the number
/// of faults before it.
fn entry<'n, 'a>(index: usize, faults: usize, node: &'n Node<'a>) -> Checked<(Kind, Entry<'n, 'a>)> {
    let Some(entry) = Entry::of(node, |members| name("entry", members, index)) else {
        let what = format!(
            "it is {}; it has to be a customer, a branch or a fault in {{ }}",
            node.value.kind()
        );
        return Err(wrong(node.at, &format!("entry no. {}", index + 1), what));
    };
    if let Some(foreign) = entry.member("customer-requests") {
        let what = "\"customer-requests\" is the input of another assignment (logical clocks); here a customer \
                    has \"events\", each with a branch";
        return Err(entry.wrong(foreign.key_at, what));
    }
    if let (None, Some(received)) = (entry.member("type"), entry.member("recv")) {
        let what = "\"recv\" is what a customer received: the file is an output, not an input";
        return Err(entry.wrong(received.key_at, what));
    }
    let kind = entry.need("type")?;
    let word = match &kind.value {
        Value::String(word) => word.as_str(),
        _ => "",
    };
    let (kind, entry, known): (_, _, &[&str]) = match word {
        "customer" | "client" => {
            let entry = entry.named(|members| name("customer", members, index));
            (Kind::Customer, entry, &["id", "type", "events"])
        }
        "branch" | "bank" => {
            let entry = entry.named(|members| name("branch", members, index));
            (Kind::Branch, entry, &["id", "type", "balance"])
        }
        "fault" => {
            let entry = entry.named(|_| format!("fault no. {}", faults + 1));
            (Kind::Fault, entry, &fault::FIELDS)
        }
        _ => {
            let what = format!(
                "\"type\" is {}; write \"customer\", \"branch\" or \"fault\"",
                written(kind)
            );
            return Err(entry.wrong(kind.at, what));
        }
    };
    entry.only(known)?;
    Ok((kind, entry))
}

fn visit(entry: &Entry<'_, '_>, branches: &Branches) -> Checked<Visit> {
    let id = entry.need("id")?;
    let Some(customer) = integer(id, 0, u64::MAX) else {
        return Err(entry.wrong(id.at, format!("\"id\" is {}; {NUMBER_RULE}", written(id))));
    };
    let events = entry.need("events")?;
    let Value::Array(events) = &events.value else {
        let what = format!("\"events\" is {}; it has to be an array [ ]", written(events));
        return Err(entry.wrong(events.at, what));
    };
    let events = events
        .iter()
        .enumerate()
        .map(|(index, node)| event(entry, customer, index, node, branches));
    Ok(Visit {
        customer,
        events: events.collect::<Checked<_>>()?,
    })
}

fn event(
    customer_entry: &Entry<'_, '_>,
    customer: u64,
    index: usize,
    node: &Node<'_>,
    branches: &Branches,
) -> Checked<Event> {
    let Some(entry) = Entry::of(node, |members| {
        format!("{}, {}", customer_entry.name, name("event", members, index))
    }) else {
        let whose = format!("{}, event no. {}", customer_entry.name, index + 1);
        let what = format!("it is {}; an event is an object {{ }}", node.value.kind());
        return Err(wrong(node.at, &whose, what));
    };
    entry.only(&["id", "interface", "branch", "dest", "money"])?;
    let id = entry.get("id").map(|id| {
        integer(id, 0, u64::MAX).ok_or_else(|| entry.wrong(id.at, format!("\"id\" is {}; {NUMBER_RULE}", written(id))))
    });
    let action = action(&entry)?;
    let branch = match (entry.get("branch"), entry.get("dest")) {
        (Some(_), Some(dest)) => {
            let what = "it has both \"branch\" and \"dest\", which mean the same; keep one";
            return Err(entry.wrong(dest.at, what));
        }
        (Some(branch), None) => known_branch(&entry, "branch", branch, branches)?,
        (None, Some(dest)) => known_branch(&entry, "dest", dest, branches)?,
        (None, None) => own_branch(&entry, customer, branches)?,
    };
    Ok(Event {
        id: id.transpose()?,
        branch,
        action,
    })
}

fn action(entry: &Entry<'_, '_>) -> Checked<Action> {
    let interface = entry.need("interface")?;
    match &interface.value {
        Value::String(name) if name == "query" => Ok(Action::Query),
        Value::String(name) if name == "deposit" => amount(entry).map(Action::Deposit),
        Value::String(name) if name == "withdraw" => amount(entry).map(Action::Withdraw),
        _ => {
            let what = format!(
                "\"interface\" is {}; write \"query\", \"deposit\" or \"withdraw\"",
                written(interface)
            );
            Err(entry.wrong(interface.at, what))
        }
    }
}

fn amount(entry: &Entry<'_, '_>) -> Checked<i64> {
    let money = entry.need("money")?;
    match integer(money, 1, i64::MAX as u64) {
        Some(amount) => Ok(amount as i64),
        None => Err(entry.wrong(money.at, format!("\"money\" is {}; {AMOUNT_RULE}", written(money)))),
    }
}

/// The branch of an event that names no branch: customer N uses branch N. An older form of the input has such events.
fn own_branch(entry: &Entry<'_, '_>, customer: u64, branches: &Branches) -> Checked<u32> {
    let own = u32::try_from(customer).ok().filter(|number| branches.contains(*number));
    own.ok_or_else(|| {
        let what = format!(
            "it names no branch, and there is no branch {customer} for customer {customer}; add \"branch\" with one of \
             these: {}",
            branches.listed()
        );
        entry.wrong(entry.at, what)
    })
}
