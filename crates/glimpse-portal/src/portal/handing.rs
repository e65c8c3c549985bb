//! Being signed in, handed from one window of this origin to another: a frame in somebody else's page cannot sign in by itself.

use glimpse_wire::Hash;

use super::{NoKey, Portal, Stage};

impl Portal {
    /// Gives up being signed in, for another window of this origin to take over: the token, of an agent who is ready.
    #[must_use]
    pub fn hand_over(&self) -> Option<Hash> {
        let token = {
            let mut state = self.0.state.borrow_mut();
            if !matches!(state.stage, Stage::Ready) {
                return None;
            }
            state.credential = None;
            state.token.take()
        };
        self.go(Stage::SignedOut, None);
        token
    }

    /// Takes over from another window of this origin, which has signed in; the keeper holds its key by now.
    pub fn take_over(&self, token: Hash) {
        self.run(move |portal| async move { portal.taken_over(token).await });
    }

    async fn taken_over(&self, token: Hash) {
        if !matches!(self.0.state.borrow().stage, Stage::Starting | Stage::Stranger | Stage::SignedOut) {
            return;
        }
        let kept = match self.0.keeper.find().await {
            Ok(Some(kept)) => kept,
            Ok(None) | Err(NoKey) => return self.fall_back("agent.no-key"),
        };
        {
            let mut state = self.0.state.borrow_mut();
            state.problem = None;
            state.kept = Some(kept);
            state.token = Some(token);
        }
        self.go(Stage::SigningIn, None);
        self.again().await;
    }
}
