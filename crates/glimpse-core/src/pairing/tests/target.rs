//! A device as it is run, for whoever attacks it: it holds the state that the last message left it with, and nothing
//! once a message left none.

use super::*;

pub(crate) enum Target {
    Waiting(ExpectHello),
    Answered(ExpectConfirmA),
    Confirmed(KeyConfirmed),
    Over,
}

impl Target {
    /// What the device says to a message: its answer, or why the code is burnt; nothing when nobody is there to take it.
    pub(crate) fn send(
        &mut self,
        message: &[u8],
        rng: &mut impl rand_core::CryptoRng,
    ) -> Option<Result<Vec<u8>, ErrorCode>> {
        let (next, said) = match core::mem::replace(self, Self::Over) {
            Self::Waiting(state) => match state.receive(message, NOW, counted(), rng) {
                Ok((state, answer)) => (Self::Answered(state), Some(Ok(answer))),
                Err(code) => (Self::Over, Some(Err(code))),
            },
            Self::Answered(state) => match state.receive(message, NOW) {
                Ok((state, answer)) => (Self::Confirmed(state), Some(Ok(answer))),
                Err(code) => (Self::Over, Some(Err(code))),
            },
            // From here on only the user's act brings anything out.
            Self::Confirmed(state) => (Self::Confirmed(state), None),
            Self::Over => (Self::Over, None),
        };
        *self = next;
        said
    }
}
