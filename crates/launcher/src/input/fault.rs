//! Checks the faults of an input: what is done to the bank, when it begins, and when it ends. Whether a fault can be
//! done at that moment is found out during the run.

use super::branches::{Branches, known_branch};
use super::entry::{Checked, Entry, NUMBER_RULE, integer, written};
use super::error::Wrong;
use super::json::{Member, Node, Value};
use super::planned_fault::{FaultEnd, FaultStart, PlannedFault, Trigger};
use crate::duration;
use bank_check::script::Visit;
use bank_cluster::faults::FaultAction;
use bank_cluster::network::{self, LinkSet};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Most faults of an input. The picture of a run could not show more.
const FAULTS_MAX: usize = 1000;

/// Fields of a fault.
pub(super) const FIELDS: [&str; 13] = [
    "type", "at", "after", "hold", "delay", "cut", "heal", "pause", "resume", "kill", "restart", "for", "until",
];
/// Fields of a fault that name an action. A fault has exactly one.
const ACTIONS: [&str; 8] = ["hold", "delay", "cut", "heal", "pause", "resume", "kill", "restart"];
/// Fields that name links between branches, of the actions `delay`, `cut` and `heal`.
const LINKS: [&str; 4] = ["branch", "between", "from", "to"];

/// Checks every fault of an input.
pub(super) fn faults(entries: &[Entry<'_, '_>], branches: &Branches, visits: &[Visit]) -> Checked<Vec<PlannedFault>> {
    if let Some(entry) = entries.get(FAULTS_MAX) {
        return Err(entry.wrong(entry.at, format!("more than {FAULTS_MAX} faults; remove some")));
    }
    let events = match entries.is_empty() {
        true => Events::default(),
        false => Events::of(visits),
    };
    entries.iter().map(|entry| fault(entry, branches, &events)).collect()
}

fn fault(entry: &Entry<'_, '_>, branches: &Branches, events: &Events) -> Checked<PlannedFault> {
    let done = one_of(entry, &ACTIONS)?.ok_or_else(|| {
        let what = format!("it does nothing; add one of {}", ACTIONS.join(", "));
        entry.wrong(entry.at, what)
    })?;
    let action = action(entry, done, branches)?;
    let count = branches.in_order.len();
    if action.needs_relays() && count > network::BRANCHES_MAX {
        let what = format!(
            "\"{}\" takes a relay for each way between two branches, so at most {} branches; here are {count}",
            done.key,
            network::BRANCHES_MAX
        );
        return Err(entry.wrong(done.key_at, what));
    }
    let begins = begins(entry, events)?;
    let ends = ends(entry, done, action, events)?;
    if let (FaultStart::After(after), FaultEnd::After(until), Some(node)) = (begins, ends, entry.get("until"))
        && after.customer == until.customer
        && until <= after
    {
        let what = "\"until\" names no later event than \"after\": it would be over before it began";
        return Err(entry.wrong(node.at, what));
    }
    Ok(PlannedFault { action, begins, ends })
}

/// The field of this list that the object has. It is an error if the object has two of them.
fn one_of<'n, 'a>(entry: &Entry<'n, 'a>, keys: &[&str]) -> Checked<Option<&'n Member<'a>>> {
    let mut found = keys.iter().filter_map(|key| entry.member(key));
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => {
            // In the order of the file, in which people read them.
            let (one, other) = if one.key_at < other.key_at {
                (one, other)
            } else {
                (other, one)
            };
            let what = format!("it has both \"{}\" and \"{}\"; keep one", one.key, other.key);
            Err(entry.wrong(other.key_at, what))
        }
        (one, _) => Ok(one),
    }
}

/// Takes the value of a field as an object. Errors in the object name the field too.
fn object<'n, 'a>(entry: &Entry<'_, '_>, member: &'n Member<'a>, example: &str) -> Checked<Entry<'n, 'a>> {
    let named = |_: &_| format!("{}, \"{}\"", entry.name, member.key);
    Entry::of(&member.value, named).ok_or_else(|| {
        let what = format!("\"{}\" is {}; write {example}", member.key, written(&member.value));
        entry.wrong(member.value.at, what)
    })
}

fn action(entry: &Entry<'_, '_>, done: &Member<'_>, branches: &Branches) -> Checked<FaultAction> {
    let example = match done.key.as_str() {
        "hold" => r#"{"to":2}, the branch to which nothing arrives"#,
        "delay" => r#"the ways and how long, such as {"branch":2,"by":"20ms"}"#,
        "cut" | "heal" => r#"the ways, such as {"branch":2} or {"from":1,"to":3}"#,
        _ => r#"{"branch":2}"#,
    };
    let object = object(entry, done, example)?;
    let branch = |key: &str| {
        object.only(&[key])?;
        known_branch(&object, key, object.need(key)?, branches)
    };
    Ok(match done.key.as_str() {
        "hold" => FaultAction::Hold(branch("to")?),
        "delay" => {
            object.only(&[&LINKS[..], &["by"]].concat())?;
            FaultAction::Delay(links(&object, branches)?, duration(&object, "by", object.need("by")?)?)
        }
        "cut" | "heal" => {
            object.only(&LINKS)?;
            let links = links(&object, branches)?;
            if done.key == "cut" {
                FaultAction::Cut(links)
            } else {
                FaultAction::Heal(links)
            }
        }
        "pause" => FaultAction::Pause(branch("branch")?),
        "resume" => FaultAction::Resume(branch("branch")?),
        "kill" => FaultAction::Kill(branch("branch")?),
        _ => FaultAction::Restart(branch("branch")?),
    })
}

fn links(object: &Entry<'_, '_>, branches: &Branches) -> Checked<LinkSet> {
    let one = |key: &str| {
        let node = object.get(key);
        node.map(|node| known_branch(object, key, node, branches)).transpose()
    };
    if let Some(whole) = one_of(object, &["branch", "between"])? {
        if let Some(end) = one_of(object, &["from", "to"])? {
            let what = format!("it has both \"{}\" and \"{}\"; keep one", whole.key, end.key);
            return Err(object.wrong(end.key_at, what));
        }
        return match &whole.value.value {
            Value::String(word) if whole.key == "branch" && word == "all" => Ok(LinkSet::All),
            Value::String(_) if whole.key == "branch" => {
                let what = format!(
                    "\"branch\" is {}; write a branch's number, or \"all\"",
                    written(&whole.value)
                );
                Err(object.wrong(whole.value.at, what))
            }
            _ if whole.key == "branch" => Ok(LinkSet::Around(known_branch(object, "branch", &whole.value, branches)?)),
            _ => between(object, &whole.value, branches),
        };
    }
    match (one("from")?, one("to")?) {
        (Some(from), Some(to)) if from == to => Err(itself(object, object.at, from)),
        (Some(from), Some(to)) => Ok(LinkSet::OneWay(from, to)),
        (Some(from), None) => Ok(LinkSet::From(from)),
        (None, Some(to)) => Ok(LinkSet::To(to)),
        (None, None) => {
            let what = "it names no way; add \"branch\":2 (to and from it), \"branch\":\"all\", \"between\":[1,3] (both \
                        ways), \"from\":1 and \"to\":3 (one way), or one of these two";
            Err(object.wrong(object.at, what))
        }
    }
}

fn between(object: &Entry<'_, '_>, node: &Node<'_>, branches: &Branches) -> Checked<LinkSet> {
    let pair = match &node.value {
        Value::Array(pair) => pair.as_slice(),
        _ => &[],
    };
    let [first, second] = pair else {
        let what = "\"between\" has to be an array of two branches, such as [1, 3]";
        return Err(object.wrong(node.at, what));
    };
    let one = known_branch(object, "between", first, branches)?;
    let other = known_branch(object, "between", second, branches)?;
    if one == other {
        return Err(itself(object, second.at, one));
    }
    Ok(LinkSet::Between(one, other))
}

fn itself(object: &Entry<'_, '_>, at: usize, branch: u32) -> Wrong {
    object.wrong(
        at,
        format!("nothing goes from branch {branch} to itself; name two branches"),
    )
}

fn begins(entry: &Entry<'_, '_>, events: &Events) -> Checked<FaultStart> {
    let Some(when) = one_of(entry, &["at", "after"])? else {
        let what = "it has no time; add \"at\":\"500ms\", from when customers begin, or \
                    \"after\":{\"customer\":1,\"event\":3}";
        return Err(entry.wrong(entry.at, what));
    };
    if when.key == "after" {
        return trigger(entry, when, events).map(FaultStart::After);
    }
    let at = text(&when.value).and_then(duration::parse_moment);
    at.map(FaultStart::At).map_err(|rule| {
        let what = format!("\"at\" is {}; {rule}", written(&when.value));
        entry.wrong(when.value.at, what)
    })
}

fn ends(entry: &Entry<'_, '_>, done: &Member<'_>, action: FaultAction, events: &Events) -> Checked<FaultEnd> {
    let Some(end) = one_of(entry, &["for", "until"])? else {
        return Ok(FaultEnd::Open);
    };
    if action.undone_by().is_none() {
        let what = format!(
            "\"{}\" lasts for no time, so \"{}\" has no place here; remove it",
            done.key, end.key
        );
        return Err(entry.wrong(end.key_at, what));
    }
    match end.key.as_str() {
        "for" => duration(entry, "for", &end.value).map(FaultEnd::In),
        _ => trigger(entry, end, events).map(FaultEnd::After),
    }
}

fn text<'n>(node: &'n Node<'_>) -> Result<&'n str, String> {
    match &node.value {
        Value::String(text) => Ok(text),
        _ => Err("write it as a text in quotes, such as \"500ms\"".to_owned()),
    }
}

fn duration(entry: &Entry<'_, '_>, key: &str, node: &Node<'_>) -> Checked<Duration> {
    text(node).and_then(duration::parse).map_err(|rule| {
        let what = format!("\"{key}\" is {}; {rule}", written(node));
        entry.wrong(node.at, what)
    })
}

fn trigger(entry: &Entry<'_, '_>, member: &Member<'_>, events: &Events) -> Checked<Trigger> {
    let object = object(entry, member, r#"{"customer":1,"event":3}"#)?;
    object.only(&["customer", "event"])?;
    let number = |key: &str| {
        let node = object.need(key)?;
        integer(node, 0, u64::MAX).ok_or_else(|| {
            let what = format!("\"{key}\" is {}; {NUMBER_RULE}", written(node));
            object.wrong(node.at, what)
        })
    };
    let (customer, event) = (number("customer")?, number("event")?);
    let what = match events.by_label.get(&(customer, event)) {
        Some(Some(trigger)) => return Ok(*trigger),
        Some(None) => {
            format!("customer {customer} has more than one event {event}; give each its own \"id\" to name one here")
        }
        None if events.customers.contains(&customer) => {
            format!("customer {customer} has no event {event}; name one by its \"id\"")
        }
        None => format!("there is no customer {customer}; name one of the input's"),
    };
    Err(object.wrong(object.at, what))
}

/// The events of an input, by the names that a fault may use.
#[derive(Default)]
struct Events {
    customers: HashSet<u64>,
    /// Events by customer and id. `None` if a customer has several events with that id.
    by_label: HashMap<(u64, u64), Option<Trigger>>,
}

impl Events {
    fn of(visits: &[Visit]) -> Self {
        let mut events = Events::default();
        for (place, visit) in visits.iter().enumerate() {
            events.customers.insert(visit.customer);
            for (event, done) in visit.events.iter().zip(1..) {
                let Some(id) = event.id else { continue };
                let trigger = Trigger {
                    visit: place,
                    done,
                    customer: visit.customer,
                };
                let known = events.by_label.entry((visit.customer, id));
                known.and_modify(|known| *known = None).or_insert(Some(trigger));
            }
        }
        events
    }
}

#[cfg(test)]
mod tests;
