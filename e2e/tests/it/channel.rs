//! The live channel in the hands of a hostile server: row 107.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use e2e::device::field;
use e2e::frames::{deliver, delivered, is_taken, sent};
use e2e::proxy::{SocketId, Tamper};
use e2e::stage::{Look, Stage};
use e2e::wait::until;
use glimpse_wire::decode;
use glimpse_wire::ids::{Bytes, Hash};
use glimpse_wire::mailbox::ToServer;
use glimpse_wire::pairing::Message;

/// What is done to messages of the live channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    None,
    /// Of what the device says to the viewer nothing arrives.
    Withhold,
    /// The next message of the viewer arrives twice, the second time under the next number.
    Repeat,
    /// The next message of the viewer arrives with one bit changed.
    Flip,
}

struct State {
    attack: Attack,
    /// The viewer's live messages, as it sent them.
    viewers: Vec<Message>,
    /// The token with which each socket was joined, and that of the viewer.
    tokens: Vec<(SocketId, Hash)>,
    viewer: Option<Hash>,
    /// The newest socket and number by which something reached the viewer and the device.
    to_viewer: Option<(SocketId, u64)>,
    to_device: Option<(SocketId, u64)>,
}

impl State {
    fn is_viewers(&self, socket: SocketId) -> bool {
        self.viewer.is_some_and(|viewer| self.tokens.contains(&(socket, viewer)))
    }
}

struct Hostile(Mutex<State>);

impl Hostile {
    fn new() -> Arc<Self> {
        let state = State {
            attack: Attack::None,
            viewers: Vec::new(),
            tokens: Vec::new(),
            viewer: None,
            to_viewer: None,
            to_device: None,
        };
        Arc::new(Self(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tamper for Hostile {
    fn to_server(&self, socket: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        let mut state = self.state();
        if let Ok(ToServer::Join { token, .. }) = decode(&frame, 1024) {
            state.tokens.push((socket, token));
        }
        match sent(&frame) {
            Some((_, Message::Hello { .. })) => {
                state.viewer = state.tokens.iter().find(|(joined, _)| *joined == socket).map(|(_, token)| *token);
            }
            Some((_, message @ Message::Live { .. }))
                if state.is_viewers(socket) && !state.viewers.contains(&message) =>
            {
                state.viewers.push(message);
            }
            _ => {}
        }
        // The real server must not hear of messages that it never had, and keeps all for a later connection.
        if is_taken(&frame) { Vec::new() } else { vec![frame] }
    }

    fn to_end(&self, socket: SocketId, frame: Vec<u8>) -> Vec<Vec<u8>> {
        let Some((seq, message)) = delivered(&frame) else { return vec![frame] };
        let mut state = self.state();
        let to_viewer = state.is_viewers(socket);
        let live = matches!(message, Message::Live { .. });
        if to_viewer {
            if live && state.attack == Attack::Withhold {
                return Vec::new();
            }
            state.to_viewer = Some((socket, seq));
            return vec![frame];
        }
        state.to_device = Some((socket, seq));
        if !live || !state.viewers.contains(&message) {
            return vec![frame];
        }
        match (state.attack, message) {
            (Attack::Repeat, message) => {
                state.attack = Attack::None;
                vec![frame, deliver(seq.saturating_add(1), &message)]
            }
            (Attack::Flip, Message::Live { counter, mut sealed }) => {
                state.attack = Attack::None;
                if let Some(last) = sealed.0.last_mut() {
                    *last ^= 1;
                }
                vec![deliver(seq, &Message::Live { counter, sealed: Bytes(sealed.0) })]
            }
            _ => vec![frame],
        }
    }
}

async fn begin() -> Result<(Arc<Hostile>, Stage, Look)> {
    let hostile = Hostile::new();
    let stage = Stage::behind(hostile.clone()).await?;
    stage.device.add_bytes("first.txt", "The first text.").await?;
    let look = stage.lend(&["--everything"]).await?;
    Ok((hostile, stage, look))
}

/// The device says that its channel was tampered with.
async fn broken_at_device(look: &mut Look) -> Result<()> {
    let last = look.lending.event_last().await?;
    assert_eq!(field(&last, "code")?, "channel-broken", "{last}");
    Ok(())
}

#[tokio::test]
async fn t107_a_changed_message_ends_the_session() -> Result<()> {
    let (hostile, stage, mut look) = begin().await?;
    stage.browser.open("first").await.context("control: without the change it runs")?;
    hostile.state().attack = Attack::Flip;
    stage.browser.press("more-time").await?;
    broken_at_device(&mut look).await
}

#[tokio::test]
async fn t107_the_viewers_own_message_is_not_the_devices() -> Result<()> {
    // The device's messages are kept back, so that the viewer waits for number 0; then its own number 0 comes.
    let hostile = Hostile::new();
    hostile.state().attack = Attack::Withhold;
    let stage = Stage::behind(hostile.clone()).await?;
    stage.device.add_bytes("first.txt", "The first text.").await?;
    let _look = stage.lend(&["--everything"]).await?;
    stage.browser.press("more-time").await?;
    let own = until("the viewer says something", async || hostile.state().viewers.first().cloned()).await?;
    assert!(matches!(own, Message::Live { counter: 0, .. }), "{own:?}");
    let (socket, seq) = hostile.state().to_viewer.context("a viewer")?;
    stage.proxy.as_ref().context("no proxy")?.inject(socket, deliver(seq.saturating_add(1), &own));
    assert_eq!(stage.browser.reason().await?, "channel-broken");

    // Control: the device's own number 0 in its place is taken.
    let (_hostile, stage, _look) = begin().await?;
    stage.browser.open("first").await?;
    stage.browser.reads("The first text.").await
}

#[tokio::test]
async fn t107_a_message_that_comes_twice_ends_the_session() -> Result<()> {
    let (hostile, stage, mut look) = begin().await?;
    stage.browser.open("first").await.context("control: once each it runs")?;
    hostile.state().attack = Attack::Repeat;
    stage.browser.press("more-time").await?;
    broken_at_device(&mut look).await
}

#[tokio::test]
async fn t107_after_a_reconnect_nothing_begins_again() -> Result<()> {
    let (hostile, stage, mut look) = begin().await?;
    let line = stage.proxy.as_ref().context("no proxy")?;
    stage.browser.open("first").await?;
    let first = until("the viewer says something", async || hostile.state().viewers.first().cloned()).await?;
    assert!(matches!(first, Message::Live { counter: 0, .. }), "{first:?}");
    line.cut();
    line.has_sockets(0).await?;
    line.mend();
    line.has_sockets(2).await?;
    // Control: the channel goes on where it was.
    stage.browser.press("more-time").await?;
    look.lending.event("asked").await?;
    let (socket, seq) = hostile.state().to_device.context("a device")?;
    line.inject(socket, deliver(seq.saturating_add(1), &first));
    broken_at_device(&mut look).await
}
