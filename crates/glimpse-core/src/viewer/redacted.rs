//! How inputs and outputs print: what happens and how much, never a code, a token or content.

use core::fmt;

use super::{Content, HttpRequest, Input, Output};

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(_) => f.write_str("Code(redacted)"),
            Self::HttpDone { id, status, body } => write!(f, "HttpDone({id}, {status}, {} bytes)", body.len()),
            Self::HttpFailed { id } => write!(f, "HttpFailed({id})"),
            Self::SocketOpened => f.write_str("SocketOpened"),
            Self::SocketBytes(bytes) => write!(f, "SocketBytes({} bytes)", bytes.len()),
            Self::SocketClosed => f.write_str("SocketClosed"),
            Self::Tick => f.write_str("Tick"),
            Self::Touched => f.write_str("Touched"),
            Self::Open(unit) => write!(f, "Open({unit})"),
            Self::Close(unit) => write!(f, "Close({unit})"),
            Self::AskTime(minutes) => write!(f, "AskTime({minutes})"),
            Self::AskRecord(text) => write!(f, "AskRecord({} bytes)", text.len()),
            Self::Signed(_) => f.write_str("Signed"),
            Self::End => f.write_str("End"),
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(request) => write!(f, "Http({request:?})"),
            Self::SocketOpen { path } => write!(f, "SocketOpen({path})"),
            Self::SocketSend(bytes) => write!(f, "SocketSend({} bytes)", bytes.len()),
            Self::SocketClose => f.write_str("SocketClose"),
            Self::Sign(bytes) => write!(f, "Sign({} bytes)", bytes.len()),
            Self::Content(content) => write!(f, "Content({content:?})"),
            Self::Changed => f.write_str("Changed"),
            Self::Ended(code) => write!(f, "Ended({code})"),
        }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}, {} bytes", self.id, self.method, self.path, self.body.len())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} of {}, {} bytes", self.unit, self.offset, self.total, self.bytes.len())
    }
}
