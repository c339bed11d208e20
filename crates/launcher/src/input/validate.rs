//! From JSON to a checked [`Input`]. The first thing that is wrong ends it, by name.

use super::json::{self, Inside, Member, Node, SyntaxError, Value, shown};
use super::{Action, BRANCHES_MAX, Event, Input, Script, Visit, Wrong};
use std::collections::BTreeMap;

const AMOUNT_RULE: &str = "an amount is a whole number from 1 to 9223372036854775807, in digits alone";
const NUMBER_RULE: &str = "write a whole number, in digits alone";

type Checked<T> = Result<T, Wrong>;

/// Checks a whole input.
pub(super) fn validate(text: &str) -> Checked<Input> {
    let root = json::read(text).map_err(syntax)?;
    let mut branches = Branches::default();
    let mut customers = Vec::new();
    for (index, node) in elements(&root)?.iter().enumerate() {
        let entry = Entry::read(index, node)?;
        match entry.kind {
            Kind::Branch => branches.add(&entry)?,
            Kind::Customer => customers.push(entry),
        }
    }
    let Some(opening_balance) = branches.opening_balance else {
        let what = "there is no branch; add one, such as {\"id\": 1, \"type\": \"branch\", \"balance\": 0}";
        return Err(wrong(root.at, "", what));
    };
    let visits = customers
        .iter()
        .map(|entry| visit(entry, &branches))
        .collect::<Checked<_>>()?;
    Ok(Input {
        branches: branches.in_order,
        script: Script {
            opening_balance,
            visits,
        },
    })
}

fn wrong(at: usize, whose: &str, what: impl Into<String>) -> Wrong {
    let whose = if whose.is_empty() {
        String::new()
    } else {
        format!("{whose}: ")
    };
    Wrong {
        at,
        whose,
        what: what.into(),
    }
}

/// Names the customer and the event that a syntax error stands in.
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

/// "event 4", or "event no. 2" (from 1) where it has no number.
fn name(what: &str, members: &[Member<'_>], index: usize) -> String {
    match members
        .iter()
        .find(|member| member.key == "id")
        .map(|member| &member.value.value)
    {
        Some(Value::Number(id)) if what != "entry" => format!("{what} {}", json::cut(id)),
        _ => format!("{what} no. {}", index + 1),
    }
}

fn elements<'n, 'a>(root: &'n Node<'a>) -> Checked<&'n [Node<'a>]> {
    match &root.value {
        Value::Array(elements) => Ok(elements),
        Value::Object(_) => Err(wrong(
            root.at,
            "",
            "the file holds an object { }; it has to hold an array of customers and branches: put it in [ ]",
        )),
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Customer,
    Branch,
}

/// A customer or a branch, as an object of the file.
struct Entry<'n, 'a> {
    at: usize,
    kind: Kind,
    /// "customer 1"
    name: String,
    members: &'n [Member<'a>],
}

impl<'n, 'a> Entry<'n, 'a> {
    fn read(index: usize, node: &'n Node<'a>) -> Checked<Self> {
        let Value::Object(members) = &node.value else {
            let what = format!(
                "it is {}; it has to be a customer or a branch in {{ }}",
                node.value.kind()
            );
            return Err(wrong(node.at, &format!("entry no. {}", index + 1), what));
        };
        let entry = Entry {
            at: node.at,
            kind: Kind::Customer,
            name: name("entry", members, index),
            members,
        };
        if let Some(foreign) = members.iter().find(|member| member.key == "customer-requests") {
            let what = "\"customer-requests\" is the input of another assignment (logical clocks); here a customer \
                        has \"events\", each with a branch";
            return Err(wrong(foreign.key_at, &entry.name, what));
        }
        let kind = match entry.need("type")? {
            Node {
                value: Value::String(kind),
                ..
            } if matches!(kind.as_str(), "customer" | "client") => Kind::Customer,
            Node {
                value: Value::String(kind),
                ..
            } if matches!(kind.as_str(), "branch" | "bank") => Kind::Branch,
            other => {
                let what = format!("\"type\" is {}; write \"customer\" or \"branch\"", written(other));
                return Err(wrong(other.at, &entry.name, what));
            }
        };
        let (what, known): (_, &[&str]) = match kind {
            Kind::Customer => ("customer", &["id", "type", "events"]),
            Kind::Branch => ("branch", &["id", "type", "balance"]),
        };
        let entry = Entry {
            kind,
            name: name(what, members, index),
            ..entry
        };
        entry.only(known)?;
        Ok(entry)
    }

    fn get(&self, key: &str) -> Option<&'n Node<'a>> {
        self.members
            .iter()
            .find(|member| member.key == key)
            .map(|member| &member.value)
    }

    fn need(&self, key: &str) -> Checked<&'n Node<'a>> {
        self.get(key)
            .ok_or_else(|| wrong(self.at, &self.name, format!("\"{key}\" is missing; add it")))
    }

    fn only(&self, known: &[&str]) -> Checked<()> {
        match self.members.iter().find(|member| !known.contains(&member.key.as_str())) {
            None => Ok(()),
            Some(unknown) => {
                let what = format!("unknown field {}; known are {}", shown(&unknown.key), known.join(", "));
                Err(wrong(unknown.key_at, &self.name, what))
            }
        }
    }
}

/// A value as an error shows it.
fn written(node: &Node<'_>) -> String {
    match &node.value {
        Value::Number(digits) => json::cut(digits),
        Value::String(text) => shown(text),
        Value::Bool(word) => word.to_string(),
        other => other.kind().to_owned(),
    }
}

/// A whole number in digits alone, in range.
fn integer(node: &Node<'_>, least: u64, most: u64) -> Option<u64> {
    match node.value {
        Value::Number(digits) => digits.parse().ok().filter(|number| (least..=most).contains(number)),
        _ => None,
    }
}

#[derive(Default)]
struct Branches {
    in_order: Vec<u32>,
    /// Where each was listed, for the error that it is listed twice.
    known: BTreeMap<u32, String>,
    opening_balance: Option<i64>,
}

impl Branches {
    fn add(&mut self, entry: &Entry<'_, '_>) -> Checked<()> {
        let number = branch_number(entry, "id", entry.need("id")?)?;
        let balance = entry.need("balance")?;
        let Some(opening) = integer(balance, 0, i64::MAX as u64) else {
            let rule = "a balance is a whole number from 0 to 9223372036854775807, in digits alone";
            return Err(wrong(
                balance.at,
                &entry.name,
                format!("\"balance\" is {}; {rule}", written(balance)),
            ));
        };
        let opening = opening as i64;
        if self.known.insert(number, entry.name.clone()).is_some() {
            let what = format!("branch {number} is listed twice; give each branch its own number");
            return Err(wrong(entry.at, &entry.name, what));
        }
        match (self.opening_balance, self.in_order.first()) {
            (Some(first), Some(branch)) if first != opening => {
                let what = format!(
                    "it opens with {opening}, branch {branch} with {first}; branches are copies of one account: give \
                     all the same balance"
                );
                return Err(wrong(balance.at, &entry.name, what));
            }
            _ => self.opening_balance = Some(opening),
        }
        self.in_order.push(number);
        if self.in_order.len() > BRANCHES_MAX {
            let what = format!("more than {BRANCHES_MAX} branches; each is a process of its own: run fewer");
            return Err(wrong(entry.at, &entry.name, what));
        }
        Ok(())
    }

    fn listed(&self) -> String {
        const SHOWN_MAX: usize = 12;
        let mut numbers: Vec<String> = self.known.keys().take(SHOWN_MAX).map(u32::to_string).collect();
        if self.known.len() > SHOWN_MAX {
            numbers.push("…".to_owned());
        }
        numbers.join(", ")
    }
}

fn branch_number(entry: &Entry<'_, '_>, key: &str, node: &Node<'_>) -> Checked<u32> {
    integer(node, 1, u32::MAX.into())
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| {
            let what = format!(
                "\"{key}\" is {}; a branch is a whole number from 1, in digits alone",
                written(node)
            );
            wrong(node.at, &entry.name, what)
        })
}

fn visit(entry: &Entry<'_, '_>, branches: &Branches) -> Checked<Visit> {
    let id = entry.need("id")?;
    let Some(customer) = integer(id, 0, u64::MAX) else {
        return Err(wrong(
            id.at,
            &entry.name,
            format!("\"id\" is {}; {NUMBER_RULE}", written(id)),
        ));
    };
    let events = entry.need("events")?;
    let Value::Array(events) = &events.value else {
        let what = format!("\"events\" is {}; it has to be an array [ ]", written(events));
        return Err(wrong(events.at, &entry.name, what));
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
    let Value::Object(members) = &node.value else {
        let whose = format!("{}, event no. {}", customer_entry.name, index + 1);
        return Err(wrong(
            node.at,
            &whose,
            format!("it is {}; an event is an object {{ }}", node.value.kind()),
        ));
    };
    let whose = format!("{}, {}", customer_entry.name, name("event", members, index));
    let entry = Entry {
        at: node.at,
        kind: Kind::Customer,
        name: whose,
        members,
    };
    entry.only(&["id", "interface", "branch", "dest", "money"])?;
    let id = entry.get("id").map(|id| {
        integer(id, 0, u64::MAX)
            .ok_or_else(|| wrong(id.at, &entry.name, format!("\"id\" is {}; {NUMBER_RULE}", written(id))))
    });
    let action = action(&entry)?;
    let branch = match (entry.get("branch"), entry.get("dest")) {
        (Some(_), Some(dest)) => {
            let what = "it has both \"branch\" and \"dest\", which mean the same; keep one";
            return Err(wrong(dest.at, &entry.name, what));
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
            Err(wrong(interface.at, &entry.name, what))
        }
    }
}

fn amount(entry: &Entry<'_, '_>) -> Checked<i64> {
    let money = entry.need("money")?;
    match integer(money, 1, i64::MAX as u64) {
        Some(amount) => Ok(amount as i64),
        None => Err(wrong(
            money.at,
            &entry.name,
            format!("\"money\" is {}; {AMOUNT_RULE}", written(money)),
        )),
    }
}

fn known_branch(entry: &Entry<'_, '_>, key: &str, node: &Node<'_>, branches: &Branches) -> Checked<u32> {
    let number = branch_number(entry, key, node)?;
    if branches.known.contains_key(&number) {
        return Ok(number);
    }
    let what = format!(
        "there is no branch {number}; add it, or ask one of these: {}",
        branches.listed()
    );
    Err(wrong(node.at, &entry.name, what))
}

/// The predecessor's form: customer N uses branch N.
fn own_branch(entry: &Entry<'_, '_>, customer: u64, branches: &Branches) -> Checked<u32> {
    let own = u32::try_from(customer)
        .ok()
        .filter(|number| branches.known.contains_key(number));
    own.ok_or_else(|| {
        let what = format!(
            "it names no branch, and there is no branch {customer} for customer {customer}; add \"branch\" with one of \
             these: {}",
            branches.listed()
        );
        wrong(entry.at, &entry.name, what)
    })
}
