//! Why a run was not finished: each cause is said once, with the customers or the number of events that it concerns.

use bank_check::script::Step;

/// Number of customers that one sentence names.
const CUSTOMERS_NAMED_MAX: usize = 5;

/// The causes so far, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Causes {
    customers: Vec<(String, Vec<u64>)>,
    events: Vec<(String, EventsWithoutAnswer)>,
}

/// Events without an answer for the same reason.
#[derive(Debug)]
struct EventsWithoutAnswer {
    first: String,
    more: usize,
}

impl Causes {
    /// Adds why a customer's visit is incomplete. The cause is a noun phrase, such as `process ended after 2 events`.
    pub(super) fn of_customer(&mut self, customer: u64, cause: &str) {
        match self.customers.iter_mut().find(|(known, _)| known == cause) {
            Some((_, customers)) if customers.contains(&customer) => {}
            Some((_, customers)) => customers.push(customer),
            None => self.customers.push((cause.to_owned(), vec![customer])),
        }
    }

    /// Adds why an event has no answer.
    pub(super) fn of_event(&mut self, step: &Step<'_>, cause: &str) {
        match self.events.iter_mut().find(|(known, _)| known == cause) {
            Some((_, events)) => events.more += 1,
            None => {
                let first = format!("customer {}'s {step}", step.customer);
                self.events
                    .push((cause.to_owned(), EventsWithoutAnswer { first, more: 0 }));
            }
        }
    }

    /// One sentence for each cause.
    pub(super) fn sentences(self) -> Vec<String> {
        let customers = self
            .customers
            .into_iter()
            .map(|(cause, customers)| match customers[..] {
                [customer] => format!("customer {customer}'s {cause}"),
                _ => format!("{}: {cause}", named(&customers)),
            });
        let events = self.events.into_iter().map(|(cause, events)| match events.more {
            0 => format!("{}: {cause}", events.first),
            1 => format!("{} and 1 more event: {cause}", events.first),
            more => format!("{} and {more} more events: {cause}", events.first),
        });
        customers.chain(events).collect()
    }
}

/// `customers 3, 7 and 12`.
fn named(customers: &[u64]) -> String {
    let shown = customers.len().min(CUSTOMERS_NAMED_MAX);
    let (last, before) = match (customers.len() - shown, customers[..shown].split_last()) {
        (0, Some((last, before))) => (last.to_string(), before),
        (more, _) => (format!("{more} more"), &customers[..shown]),
    };
    let before: Vec<String> = before.iter().map(u64::to_string).collect();
    format!("customers {} and {last}", before.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use std::path::Path;

    #[test]
    fn each_cause_is_said_once() {
        let mut causes = Causes::default();
        for customer in [3, 7, 12, 7] {
            causes.of_customer(customer, "process cannot be started: no memory");
        }
        causes.of_customer(4, "process ended after 2 of 3 events");
        (20..28).for_each(|customer| causes.of_customer(customer, "process fell silent"));
        let input = r#"[{"id":1,"type":"branch","balance":5},
            {"id":9,"type":"customer","events":[{"id":1,"interface":"query","branch":1},{"id":2,"interface":"query","branch":1}]}]"#;
        let input = Input::parse(Path::new("in.json"), input).expect("an input");
        for step in input.script.steps() {
            causes.of_event(&step, "no answer within 10s");
        }
        assert_eq!(
            causes.sentences(),
            [
                "customers 3, 7 and 12: process cannot be started: no memory",
                "customer 4's process ended after 2 of 3 events",
                "customers 20, 21, 22, 23, 24 and 3 more: process fell silent",
                "customer 9's query at branch 1 (event 1) and 1 more event: no answer within 10s",
            ]
        );
    }
}
