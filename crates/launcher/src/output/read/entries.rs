//! The entries of an output: a customer with its events, or with the balance of its last query.

use super::unusual::Unusual;
use super::words;
use crate::input::json::{Member, Node, Value, shown};
use crate::input::{Checked, Wrong, written, wrong};
use bank_check::output::{Answer, Output, Reported};

/// Keys of the customer of an entry. In each list, the usual key is first.
const CUSTOMER: &[&str] = &["id", "customer"];
/// Keys of the events of an entry.
const EVENTS: &[&str] = &["recv", "events"];
/// Keys of the request of an event.
const INTERFACE: &[&str] = &["interface"];
/// Keys of the branch of an event. `dest` is an older form.
const BRANCH: &[&str] = &["branch", "dest"];
/// Keys of the balance of a query. The predecessor writes `money`.
const BALANCE: &[&str] = &["balance", "money"];
/// Keys of the result of a write.
const RESULT: &[&str] = &["result", "status"];
/// Keys of an event that are neither its answer nor unknown. `money` is the amount of a write.
const OTHER: &[&str] = &["id", "customer", "type", "money"];

const NUMBER_RULE: &str = "write a whole number";

/// The fields of an object.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n, 'a> {
    at: usize,
    pub(super) members: &'n [Member<'a>],
}

impl<'n, 'a> Fields<'n, 'a> {
    pub(super) fn of(node: &'n Node<'a>) -> Option<Self> {
        match &node.value {
            Value::Object(members) => Some(Fields { at: node.at, members }),
            _ => None,
        }
    }

    /// The field with one of these keys. The exact key is preferred to one in other case.
    fn find(self, keys: &[&str]) -> Option<&'n Member<'a>> {
        let exact = |key: &&str| self.members.iter().find(|member| member.key == *key);
        let similar = |key: &&str| self.members.iter().find(|member| member.key.eq_ignore_ascii_case(key));
        keys.iter().find_map(exact).or_else(|| keys.iter().find_map(similar))
    }

    /// The value with one of these keys. `null` counts as no value.
    fn get(self, keys: &[&str], unusual: &mut Unusual) -> Option<&'n Node<'a>> {
        let member = self.find(keys).filter(|member| member.value.value != Value::Null)?;
        if keys.first().is_some_and(|usual| member.key != *usual) {
            unusual.saw(&format!("the key {} as {}", shown(&member.key), shown(keys[0])));
        }
        Some(&member.value)
    }

    fn has(self, keys: &[&str]) -> bool {
        self.find(keys).is_some()
    }

    /// A field whose meaning is not known here.
    fn unknown(self) -> Option<&'n Member<'a>> {
        let known = [INTERFACE, BRANCH, BALANCE, RESULT, OTHER].concat();
        let is_known = |member: &&Member<'_>| known.iter().any(|key| member.key.eq_ignore_ascii_case(key));
        self.members.iter().find(|member| !is_known(member))
    }

    /// Whether this may be an entry of an input: a branch with its balance, or a customer with its events.
    pub(super) fn is_of_input(self) -> bool {
        let kind = self.find(&["type"]).map(|member| &member.value.value);
        let is_branch = matches!(kind, Some(Value::String(kind)) if matches!(kind.as_str(), "branch" | "bank"));
        self.has(&["events"]) || is_branch && self.has(&["balance"])
    }

    /// Whether this is an entry with answers, which no input has.
    pub(super) fn has_answers(self) -> bool {
        let events = self.find(&["events"]).map(|member| &member.value.value);
        match events {
            Some(Value::Array(events)) => events.iter().filter_map(Fields::of).any(|event| event.is_answered()),
            _ => self.has(&["recv"]),
        }
    }

    fn is_answered(self) -> bool {
        self.has(&["balance"]) || self.has(RESULT)
    }
}

/// Reads the entries in the form that the first of them has.
pub(super) fn output(entries: &[&Node<'_>], unusual: &mut Unusual) -> Checked<Output> {
    let first = entries.first().and_then(|first| Fields::of(first));
    if first.is_some_and(|first| !first.has(EVENTS) && !first.has(INTERFACE) && first.has(&["balance"])) {
        return balances(entries, unusual);
    }
    let mut reported = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let name = format!("entry no. {}", index + 1);
        let (customer, fields) = customer(&name, entry, unusual)?;
        let Some(received) = fields.get(EVENTS, unusual) else {
            return Err(missing(&name, fields, "recv", "the list of what the customer received"));
        };
        for (index, (node, depth)) in received_events(&name, received)?.into_iter().enumerate() {
            if depth != 1 {
                let nested = if depth == 0 { "an object" } else { "an array of arrays" };
                unusual.saw(&format!("\"recv\" with {nested} as an array of events"));
            }
            let name = format!("{name}, event no. {}", index + 1);
            reported.push(event(&name, customer, node, unusual)?);
        }
    }
    Ok(Output::Events(reported))
}

fn balances(entries: &[&Node<'_>], unusual: &mut Unusual) -> Checked<Output> {
    let mut balances = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let name = format!("entry no. {}", index + 1);
        let (customer, fields) = customer(&name, entry, unusual)?;
        let Some(balance) = fields.get(&["balance"], unusual) else {
            return Err(missing(
                &name,
                fields,
                "balance",
                "the balance of the customer's last query",
            ));
        };
        balances.push((customer, balance_of(&name, balance, unusual)?));
    }
    Ok(Output::Balances(balances))
}

fn customer<'n, 'a>(name: &str, entry: &'n Node<'a>, unusual: &mut Unusual) -> Checked<(u64, Fields<'n, 'a>)> {
    let Some(fields) = Fields::of(entry) else {
        let what = format!(
            "it is {}; an entry is an object with \"id\" and \"recv\"",
            entry.value.kind()
        );
        return Err(wrong(entry.at, name, what));
    };
    let Some(id) = fields.get(CUSTOMER, unusual) else {
        return Err(missing(name, fields, "id", "the number of the customer"));
    };
    let customer = words::number(id, unusual)
        .ok_or_else(|| wrong(id.at, name, format!("\"id\" is {}; {NUMBER_RULE}", written(id))))?;
    Ok((customer, fields))
}

/// The events under `recv`, each with its depth: 0 for an object that stands alone, 1 in an array, 2 in an array of
/// arrays.
fn received_events<'n, 'a>(name: &str, received: &'n Node<'a>) -> Checked<Vec<(&'n Node<'a>, usize)>> {
    match &received.value {
        Value::Object(_) => Ok(vec![(received, 0)]),
        Value::Array(elements) => Ok(elements
            .iter()
            .flat_map(|element| match &element.value {
                Value::Array(inner) => inner.iter().map(|event| (event, 2)).collect(),
                _ => vec![(element, 1)],
            })
            .collect()),
        _ => {
            let what = format!("\"recv\" is {}; it has to be an array [ ] of events", written(received));
            Err(wrong(received.at, name, what))
        }
    }
}

fn event(name: &str, customer: u64, node: &Node<'_>, unusual: &mut Unusual) -> Checked<Reported> {
    let Some(fields) = Fields::of(node) else {
        let what = format!("it is {}; an event is an object with \"interface\"", node.value.kind());
        return Err(wrong(node.at, name, what));
    };
    let Some(word) = fields.get(INTERFACE, unusual) else {
        return Err(missing(
            name,
            fields,
            "interface",
            "\"query\", \"deposit\" or \"withdraw\"",
        ));
    };
    let interface = words::interface(word, unusual).ok_or_else(|| {
        let what = format!(
            "\"interface\" is {}, which has no reading; write \"query\", \"deposit\" or \"withdraw\"",
            written(word)
        );
        wrong(word.at, name, what)
    })?;
    let branch = fields.get(BRANCH, unusual).map(|branch| {
        words::number(branch, unusual).ok_or_else(|| {
            wrong(
                branch.at,
                name,
                format!("\"branch\" is {}; {NUMBER_RULE}", written(branch)),
            )
        })
    });
    Ok(Reported {
        customer,
        interface: interface.to_owned(),
        branch: branch.transpose()?,
        answer: answer(name, interface == "query", fields, unusual)?,
    })
}

/// The answer of an event. It may stand one level deeper, as in `"result": {"balance": 10}`.
fn answer(name: &str, is_query: bool, fields: Fields<'_, '_>, unusual: &mut Unusual) -> Checked<Answer> {
    let inner = fields.find(RESULT).and_then(|result| Fields::of(&result.value));
    if let Some(inner) = inner {
        unusual.saw("a \"result\" with an object as the answer in it");
        return direct_answer(name, is_query, inner, unusual);
    }
    direct_answer(name, is_query, fields, unusual)
}

fn direct_answer(name: &str, is_query: bool, fields: Fields<'_, '_>, unusual: &mut Unusual) -> Checked<Answer> {
    if is_query && let Some(balance) = fields.get(BALANCE, unusual) {
        return balance_of(name, balance, unusual).map(Answer::Balance);
    }
    let Some(result) = fields.get(RESULT, unusual) else {
        return without_answer(name, is_query, fields);
    };
    match words::result(result, unusual) {
        // A query that failed got no balance.
        Some(Answer::Fail) if is_query => Ok(Answer::Unknown),
        Some(answer) => Ok(answer),
        None if is_query => {
            let balance = balance_of(name, result, unusual).map(Answer::Balance);
            unusual.saw("the \"result\" of a query as its balance");
            balance
        }
        None => {
            let what = format!(
                "\"result\" is {}, which has no reading; write \"success\", \"fail\" or \"unknown\"",
                written(result)
            );
            Err(wrong(result.at, name, what))
        }
    }
}

/// The answer of an event that has no known field with one. Another field may hold it, so nothing is concluded then.
fn without_answer(name: &str, is_query: bool, fields: Fields<'_, '_>) -> Checked<Answer> {
    let Some(unknown) = fields.unknown() else {
        return Ok(Answer::Missing);
    };
    let due = if is_query { "balance" } else { "result" };
    let what = format!(
        "there is no \"{due}\", and {} is not known here; write the answer as \"{due}\"",
        shown(&unknown.key)
    );
    Err(wrong(unknown.key_at, name, what))
}

fn balance_of(name: &str, node: &Node<'_>, unusual: &mut Unusual) -> Checked<i64> {
    words::number(node, unusual).ok_or_else(|| {
        let what = format!(
            "the balance is {}, which has no reading; a balance is a whole number",
            written(node)
        );
        wrong(node.at, name, what)
    })
}

fn missing(name: &str, fields: Fields<'_, '_>, key: &str, meaning: &str) -> Wrong {
    let keys: Vec<String> = fields.members.iter().take(8).map(|member| shown(&member.key)).collect();
    let has = match keys.is_empty() {
        true => "it has no fields".to_owned(),
        false => format!("it has {}", keys.join(", ")),
    };
    wrong(fields.at, name, format!("without \"{key}\" ({meaning}); {has}"))
}
