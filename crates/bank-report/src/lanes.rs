//! The boxes that show and hide the lanes of the picture. One box stands for a lane in all pictures of the page, so two
//! runs stay comparable.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::data;
use crate::report::Run;

/// A box for each customer and each branch.
pub(crate) fn boxes(runs: &[&Run]) -> Markup {
    let (mut customers, mut branches) = (BTreeSet::new(), BTreeSet::new());
    for run in runs {
        let lanes = data::lanes(run);
        customers.extend(lanes.0);
        branches.extend(lanes.1);
    }
    let customers = customers.iter().map(|customer| format!("customer {customer}"));
    let names: Vec<String> = customers
        .chain(branches.iter().map(|branch| format!("branch {branch}")))
        .collect();
    html! {
        details.lanes {
            summary { "Lanes: " span.lanes-shown role="status" { "all " (names.len()) " shown" } }
            div.lane-boxes role="group" aria-label="Lanes that the picture shows" {
                @for name in &names {
                    label { input type="checkbox" data-lane=(name) checked; " " (name) }
                }
                button type="button" data-lanes="all" { "show all" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::tests::operation;

    #[test]
    fn a_lane_of_two_runs_has_one_box() {
        let mut runs = [Run::default(), Run::default()];
        for run in &mut runs {
            run.history.operations = vec![operation("s", 1)];
        }
        runs[1].history.branches = vec![1, 2];
        let text = boxes(&[&runs[0], &runs[1]]).into_string();
        assert_eq!(text.matches("data-lane=").count(), 3, "{text}");
        assert!(
            text.contains("data-lane=\"customer 1\"") && text.contains("all 3 shown"),
            "{text}"
        );
    }
}
