//! How high the picture and its lanes are, in CSS pixels: decided before anything is drawn, so that the page keeps its place.

use serde::Serialize;

/// Above this height a picture scrolls inside its frame.
const FRAME_MAX_PX: usize = 620;
/// Above this many lanes they are lower.
const TALL_LANES_MAX: usize = 16;
/// Up to this many customers have room for upright labels.
const LABELLED_CUSTOMERS_MAX: usize = 4;

/// Heights in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Layout {
    /// Of the time axis, on top.
    pub(crate) axis: usize,
    /// Of a customer's lane.
    pub(crate) customer: usize,
    /// Of a branch's lane.
    pub(crate) branch: usize,
    /// Of all.
    pub(crate) total: usize,
    /// Of the part that is seen at once.
    pub(crate) frame: usize,
}

/// For so many customers and branches.
pub(crate) fn of(customers: usize, branches: usize) -> Layout {
    let tall = customers + branches <= TALL_LANES_MAX;
    let (customer, branch) = match (tall, customers <= LABELLED_CUSTOMERS_MAX, branches <= 5) {
        (true, true, true) => (72, 78),
        (true, true, false) => (72, 40),
        (true, false, _) => (46, 40),
        (false, true, _) => (60, 28),
        (false, false, _) => (20, 30),
    };
    let axis = 30;
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
