//! What is cut out of a record's content before it is sealed for a session.

use core::ops::Range;

use glimpse_wire::ErrorCode;

/// Stretches of a record's content that hold the fields to withhold. Whoever found them has read the content; here it is bytes,
/// of which some are left out and none is added.
#[derive(Clone, PartialEq, Eq)]
pub struct Cuts {
    /// Rising, not empty, none at or over another.
    stretches: Vec<Range<u64>>,
    whole: u64,
    left: u64,
    fields: u32,
}

impl Cuts {
    /// Takes the stretches that hold `fields` fields of a content of `whole` bytes.
    ///
    /// # Errors
    /// [`ErrorCode::Malformed`] where there is none, one is empty, reaches over the next or beyond the end, where nothing
    /// would be left, or no field is in them.
    pub fn new(stretches: Vec<Range<u64>>, whole: u64, fields: u32) -> Result<Self, ErrorCode> {
        let mut at = 0;
        let mut cut = 0u64;
        for (place, stretch) in stretches.iter().enumerate() {
            let apart = stretch.start > at || (place == 0 && stretch.start == 0);
            if !apart || stretch.end <= stretch.start || stretch.end > whole {
                return Err(ErrorCode::Malformed);
            }
            cut = cut.saturating_add(stretch.end.saturating_sub(stretch.start));
            at = stretch.end;
        }
        let left = whole.saturating_sub(cut);
        if stretches.is_empty() || left == 0 || fields == 0 {
            return Err(ErrorCode::Malformed);
        }
        Ok(Self { stretches, whole, left, fields })
    }

    /// Bytes of the content as it is.
    #[must_use]
    pub const fn whole(&self) -> u64 {
        self.whole
    }

    /// Bytes that are left of it.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Fields that are withheld.
    #[must_use]
    pub const fn fields(&self) -> u32 {
        self.fields
    }

    /// What is left of a piece of the content that begins at `offset`.
    pub fn keep<'p>(&self, offset: u64, piece: &'p [u8]) -> impl Iterator<Item = &'p [u8]> {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let end = offset.saturating_add(length);
        let first = self.stretches.partition_point(|stretch| stretch.end <= offset);
        let mut cuts = self.stretches.get(first..).unwrap_or_default().to_vec().into_iter();
        let mut at = offset;
        let part = move |from: u64, to: u64| {
            let place = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
            piece.get(place(from)..place(to)).unwrap_or_default()
        };
        core::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let cut = cuts.next().filter(|cut| cut.start < end);
            let (to, next) = cut.map_or((end, end), |cut| (cut.start.max(at), cut.end));
            let kept = part(at, to);
            at = next;
            Some(kept)
        })
        .filter(|kept| !kept.is_empty())
    }
}

/// Where a field lies tells something of it.
impl core::fmt::Debug for Cuts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Cuts({} fields)", self.fields)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_stretches_that_fit_are_taken() {
        let new = |stretches: &[(u64, u64)], fields| {
            Cuts::new(stretches.iter().map(|(from, to)| *from..*to).collect(), 10, fields)
        };
        let cuts = new(&[(0, 2), (5, 6)], 1).unwrap();
        assert_eq!((cuts.whole(), cuts.left(), cuts.fields()), (10, 7, 1));
        for (wrong, fields) in [
            (&[][..], 1),
            (&[(0, 2)][..], 0),
            (&[(2, 2)], 1),
            (&[(3, 2)], 1),
            (&[(9, 11)], 1),
            (&[(5, 6), (0, 2)], 1),
            (&[(0, 2), (2, 3)], 1),
            (&[(0, 3), (2, 4)], 1),
            (&[(0, 10)], 1),
            (&[(0, u64::MAX)], 1),
        ] {
            assert_eq!(new(wrong, fields), Err(ErrorCode::Malformed), "{wrong:?}");
        }
        assert_eq!(format!("{cuts:?}"), "Cuts(1 fields)");
    }

    proptest! {
        /// However the content comes, the same bytes are left.
        #[test]
        fn pieces_make_no_difference(
            content in prop::collection::vec(any::<u8>(), 2..200),
            marks in prop::collection::btree_set(0_usize..200, 2..8),
            sizes in prop::collection::vec(1_usize..40, 1..8),
        ) {
            let marks: Vec<usize> = marks.into_iter().filter(|mark| *mark <= content.len()).collect();
            let stretches: Vec<Range<usize>> =
                marks.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect();
            let whole = u64::try_from(content.len()).unwrap();
            let wide = |at: usize| u64::try_from(at).unwrap();
            let cuts = Cuts::new(stretches.iter().map(|cut| wide(cut.start)..wide(cut.end)).collect(), whole, 1);
            prop_assume!(cuts.is_ok());
            let cuts = cuts.unwrap();
            let expected: Vec<u8> = (0..content.len())
                .filter(|at| !stretches.iter().any(|cut| cut.contains(at)))
                .map(|at| content[at])
                .collect();
            let (mut left, mut at, mut sizes) = (Vec::new(), 0, sizes.iter().cycle());
            while at < content.len() {
                let to = (at + sizes.next().unwrap()).min(content.len());
                for kept in cuts.keep(wide(at), &content[at..to]) {
                    left.extend_from_slice(kept);
                }
                at = to;
            }
            prop_assert_eq!(wide(left.len()), cuts.left());
            prop_assert_eq!(left, expected);
        }
    }
}
