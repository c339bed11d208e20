//! Heights of the picture and its lanes, in CSS pixels. They are computed before the script draws, so the page does not
//! move.

use serde::Serialize;

/// Largest height of the frame: a run of the report's input, 1 customer and 10 branches, fits. A higher picture scrolls
/// inside it.
const FRAME_MAX_PX: usize = 640;
/// Largest number of lanes that are tall.
const TALL_LANES_MAX: usize = 16;
/// Largest number of customers whose lanes are high enough for upright labels.
const LABELLED_CUSTOMERS_MAX: usize = 4;

/// Heights in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Layout {
    /// Height of the time axis at the top.
    pub(crate) axis: usize,
    /// Height of a customer's lane.
    pub(crate) customer: usize,
    /// Height of a branch's lane.
    pub(crate) branch: usize,
    /// Height of the whole picture.
    pub(crate) total: usize,
    /// Height of the frame: the visible part.
    pub(crate) frame: usize,
}

/// Layout for a number of customers and branches.
pub(crate) fn of(customers: usize, branches: usize) -> Layout {
    let tall = customers + branches <= TALL_LANES_MAX;
    let (customer, branch) = match (tall, customers <= LABELLED_CUSTOMERS_MAX, branches <= 5) {
        (true, true, true) => (72, 78),
        (true, true, false) => (72, 44),
        (true, false, _) => (46, 44),
        (false, true, _) => (60, 30),
        (false, false, _) => (20, 30),
    };
    let axis = 46;
    let total = axis + customers * customer + branches * branch + 4;
    Layout {
        axis,
        customer,
        branch,
        total,
        frame: total.min(FRAME_MAX_PX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_lanes_are_tall_and_many_scroll() {
        assert_eq!(of(1, 3).frame, of(1, 3).total);
        assert_eq!(of(1, 10).frame, of(1, 10).total);
        let many = of(100, 10);
        assert_eq!(many.frame, FRAME_MAX_PX);
        assert!(many.total > many.frame);
    }
}
