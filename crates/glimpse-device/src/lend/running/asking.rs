//! What the viewer asks of the person, one question at a time: whoever asks without end gets no more looks than an answer.

use glimpse_core::Monotonic;

/// A question that nobody answered makes way for another after this time, in milliseconds.
const LAPSE: u64 = 60_000;
/// After a no, the next question is heard at the earliest after this time, in milliseconds. Each further no doubles it.
const PAUSE: u64 = 10_000;
/// The longest such time.
const LONGEST_PAUSE: u64 = 600_000;

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The person sees it.
    Asked,
    /// Another one is before the person: the answer to that one answers both.
    Waits,
    /// It comes too soon after a no, and is answered by the same no.
    TooSoon,
}

/// The question that is before the person, and when another one may be.
#[derive(Debug)]
pub(super) struct Questions {
    lapses: Option<Monotonic>,
    next: Monotonic,
    pause: u64,
}

impl Questions {
    pub(super) const fn new(now: Monotonic) -> Self {
        Self { lapses: None, next: now, pause: PAUSE }
    }

    pub(super) fn ask(&mut self, now: Monotonic) -> Heard {
        if self.lapses.is_some_and(|lapses| now < lapses) {
            return Heard::Waits;
        }
        if now < self.next {
            return Heard::TooSoon;
        }
        self.lapses = Some(now.plus(LAPSE));
        Heard::Asked
    }

    /// The person said no.
    pub(super) fn refused(&mut self, now: Monotonic) {
        if self.lapses.take().is_some() {
            self.next = now.plus(self.pause);
            self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// The person gave something, of their own accord or because it was asked for.
    pub(super) const fn given(&mut self) {
        self.lapses = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic(5_000);

    #[test]
    fn one_question_stands_before_the_person_until_it_is_answered_or_lapses() {
        let mut questions = Questions::new(START);
        assert_eq!(questions.ask(START), Heard::Asked);
        assert_eq!(questions.ask(START.plus(LAPSE - 1)), Heard::Waits);
        assert_eq!(questions.ask(START.plus(LAPSE)), Heard::Asked, "control: it lapses");
        questions.given();
        assert_eq!(questions.ask(START.plus(LAPSE)), Heard::Asked, "control: whoever was given something may go on");
    }

    #[test]
    fn each_no_makes_the_next_question_wait_longer() {
        let mut questions = Questions::new(START);
        let mut now = START;
        for pause in [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000] {
            assert_eq!(questions.ask(now), Heard::Asked);
            questions.refused(now);
            // A no to nothing is none.
            questions.refused(now);
            assert_eq!(questions.ask(now.plus(pause - 1)), Heard::TooSoon);
            now = now.plus(pause);
        }
    }
}
