//! Single keys from the terminal, in a thread of their own. Line endings of the output and Ctrl-C stay as they are, and
//! the terminal is put back when the reader is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_channel::mpsc;
use futures_util::StreamExt;

use crate::failure::Failure;

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Key {
    /// A printable character of ASCII.
    Char(char),
    /// The end of what is typed.
    Enter,
    /// Takes the last character back.
    Back,
    /// Leaves.
    Escape,
}

/// Reads keys until it is dropped.
pub(in crate::commands) struct Keys {
    pressed: mpsc::UnboundedReceiver<Key>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    _mode: mode::Mode,
}

impl Keys {
    pub(in crate::commands) fn start() -> Result<Self, Failure> {
        let mode = mode::Mode::set().map_err(|error| {
            Failure::other(&format!("The terminal cannot be used: {error}."), "Use another one, or --json.")
        })?;
        let (send, pressed) = mpsc::unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let Ok(keys) = mode::read() else { break };
                if keys.into_iter().any(|key| send.unbounded_send(key).is_err()) {
                    break;
                }
            }
        });
        Ok(Self { pressed, stop, thread: Some(thread), _mode: mode })
    }

    /// The next key. Never comes when the terminal is gone.
    pub(in crate::commands) async fn next(&mut self) -> Key {
        match self.pressed.next().await {
            Some(key) => key,
            None => futures_util::future::pending().await,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It looks at the flag every tenth of a second; a prompt that follows must not share its input.
        if let Some(thread) = self.thread.take()
            && mode::STOPS
        {
            let _panicked = thread.join();
        }
    }
}

/// Keys out of what a terminal sends. An arrow or a function key sends several bytes, of which none is a key of its own
/// (ECMA-48 sections 5.4 and 5.5).
fn plain_keys(bytes: impl Iterator<Item = u8>) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut bytes = bytes.peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            0x1B => {
                if bytes.next_if(|next| matches!(next, b'[' | b'O')).is_some() {
                    while bytes.next().is_some_and(|part| !(0x40..=0x7E).contains(&part)) {}
                } else if bytes.next().is_none() {
                    keys.push(Key::Escape);
                }
            }
            b'\r' | b'\n' => keys.push(Key::Enter),
            0x08 | 0x7F => keys.push(Key::Back),
            b' '..=b'~' => keys.push(Key::Char(char::from(byte))),
            _ => {}
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_send_several_bytes_are_no_letters() {
        let read = |text: &str| plain_keys(text.bytes());
        let letters = ['x', 'Y', 'n', '1', '0', '-'].map(Key::Char);
        assert_eq!(read("x\x1b[AY\x1bOBn\x1b[15~1\x1bq0ü\u{1}-"), letters);
        assert_eq!(read("\x1b["), []);
        assert_eq!(read("\r\x7f\x1b"), [Key::Enter, Key::Back, Key::Escape]);
    }
}

#[cfg(unix)]
mod mode {
    use std::io;

    use rustix::stdio::stdin;
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

    /// Reading gives up after a while.
    pub(super) const STOPS: bool = true;

    /// Keys one by one and unseen, in place of lines.
    pub(super) struct Mode(Termios);

    impl Mode {
        pub(super) fn set() -> io::Result<Self> {
            let before = tcgetattr(stdin())?;
            let mut single = before.clone();
            single.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            // Reading returns with what is there after a tenth of a second.
            single.special_codes[SpecialCodeIndex::VMIN] = 0;
            single.special_codes[SpecialCodeIndex::VTIME] = 1;
            tcsetattr(stdin(), OptionalActions::Flush, &single)?;
            Ok(Self(before))
        }
    }

    impl Drop for Mode {
        fn drop(&mut self) {
            // The terminal may be gone.
            let _gone = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
        }
    }

    /// The keys that came, if any.
    pub(super) fn read() -> io::Result<Vec<super::Key>> {
        let mut bytes = [0u8; 64];
        match rustix::io::read(stdin(), &mut bytes) {
            Ok(read) => Ok(super::plain_keys(bytes.iter().take(read).copied())),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
mod mode {
    use std::io;

    /// Reading waits for a line.
    pub(super) const STOPS: bool = false;

    /// Lines, whose first character counts.
    pub(super) struct Mode;

    impl Mode {
        pub(super) fn set() -> io::Result<Self> {
            Ok(Self)
        }
    }

    pub(super) fn read() -> io::Result<Vec<super::Key>> {
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(super::plain_keys(line.bytes().take(1).chain([b'\n'])))
    }
}
