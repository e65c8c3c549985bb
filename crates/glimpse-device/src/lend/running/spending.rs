//! Openings that are used up, as the receipts of a session tell it: once, not for each request beyond them.

/// How many openings there were, and at which number of them the person was told that there are no more.
#[derive(Debug, Default)]
pub(super) struct Spending {
    opened: u32,
    told: Option<u32>,
}

impl Spending {
    /// The viewer opened something. Whether that was all that these Terms allow, which was not told of so many yet.
    pub(super) fn opened(&mut self, budget: u32) -> bool {
        self.opened = self.opened.saturating_add(1);
        let tell = self.opened >= budget && self.told != Some(budget);
        if tell {
            self.told = Some(budget);
        }
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_all_openings_are_used_up_is_told_once_for_each_number_of_them() {
        let mut spending = Spending::default();
        assert!(!spending.opened(2));
        assert!(spending.opened(2), "the last one");
        // A server that lets more be opened is found out by the audit; the person is told no second time.
        assert!(!spending.opened(2));
        // More were allowed, and are used up as well.
        assert!(!spending.opened(5));
        assert!(spending.opened(5));
        assert!(!spending.opened(5));
    }
}
