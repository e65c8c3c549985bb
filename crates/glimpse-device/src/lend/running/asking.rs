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
pub(super) enum Heard<T> {
    /// The person sees it.
    Asked(T),
    /// Another one is before the person. A no to that one is one to both.
    Waits,
    /// It comes too soon after a no, and is answered by the same no.
    TooSoon,
}

/// The question that is before the person, the newest of those behind it, and when another one may be.
#[derive(Debug)]
pub(super) struct Questions<T> {
    lapses: Option<Monotonic>,
    waiting: Option<T>,
    next: Monotonic,
    pause: u64,
}

impl<T> Questions<T> {
    pub(super) const fn new(now: Monotonic) -> Self {
        Self { lapses: None, waiting: None, next: now, pause: PAUSE }
    }

    pub(super) fn ask(&mut self, question: T, now: Monotonic) -> Heard<T> {
        if self.is_open(now) {
            self.waiting = Some(question);
            return Heard::Waits;
        }
        if now < self.next {
            return Heard::TooSoon;
        }
        self.waiting = None;
        self.lapses = Some(now.plus(LAPSE));
        Heard::Asked(question)
    }

    /// The question that waited, once nothing stands before it.
    pub(super) fn due(&mut self, now: Monotonic) -> Option<T> {
        if self.is_open(now) {
            return None;
        }
        let question = self.waiting.take()?;
        self.lapses = Some(now.plus(LAPSE));
        Some(question)
    }

    /// How long nothing becomes due by itself, in milliseconds; `None` while nothing waits.
    pub(super) fn quiet(&self, now: Monotonic) -> Option<u64> {
        self.waiting.as_ref()?;
        Some(self.lapses.map_or(0, |lapses| now.until(lapses)))
    }

    /// The person said no, to whatever was asked so far.
    pub(super) fn refused(&mut self, now: Monotonic) {
        self.waiting = None;
        if self.lapses.take().is_some() {
            self.next = now.plus(self.pause);
            self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// The person gave something, of their own accord or because it was asked for.
    pub(super) const fn given(&mut self) {
        self.lapses = None;
    }

    fn is_open(&self, now: Monotonic) -> bool {
        self.lapses.is_some_and(|lapses| now < lapses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Monotonic = Monotonic(5_000);

    #[test]
    fn one_question_stands_before_the_person_until_it_is_answered_or_lapses() {
        let mut questions = Questions::new(START);
        assert_eq!(questions.ask("time", START), Heard::Asked("time"));
        assert_eq!(questions.ask("more", START.plus(1)), Heard::Waits);
        assert_eq!(questions.ask("a record", START.plus(LAPSE - 1)), Heard::Waits);
        assert_eq!(questions.due(START.plus(LAPSE - 1)), None);
        assert_eq!(questions.quiet(START.plus(LAPSE - 1)), Some(1), "until the first one lapses");
        questions.given();
        assert_eq!(questions.quiet(START.plus(LAPSE - 1)), Some(0));
        assert_eq!(questions.due(START.plus(LAPSE - 1)), Some("a record"), "the newest of those that waited");
        assert_eq!(questions.quiet(START.plus(LAPSE - 1)), None, "nothing waits behind it");
        assert_eq!(questions.ask("time", START.plus(2 * LAPSE - 2)), Heard::Waits, "and it stands there in its turn");
        assert_eq!(questions.due(START.plus(2 * LAPSE - 1)), Some("time"), "until it lapses");
        assert_eq!(questions.due(START.plus(4 * LAPSE)), None);
    }

    #[test]
    fn each_no_answers_all_that_was_asked_and_makes_the_next_question_wait_longer() {
        let mut questions = Questions::new(START);
        let mut now = START;
        for pause in [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000] {
            assert_eq!(questions.ask("time", now), Heard::Asked("time"));
            assert_eq!(questions.ask("a record", now), Heard::Waits);
            questions.refused(now);
            // A no to nothing is none.
            questions.refused(now);
            assert_eq!(questions.due(now.plus(pause)), None);
            assert_eq!(questions.ask("time", now.plus(pause - 1)), Heard::TooSoon);
            now = now.plus(pause);
        }
    }
}
