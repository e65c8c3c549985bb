//! The pump: carries bytes between the viewer, the network and the page. It decides nothing; what it cannot carry it
//! reports as a failure.

mod http;
mod report;
mod socket;

use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::mpsc::UnboundedSender;
use getrandom::SysRng;
use glimpse_core::Monotonic;
use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::{Config, Content, Input, Output, Running, Stage, State, Step, Viewer};
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{ErrorCode, UnitId};
use js_sys::Function;
use rand_core::UnwrapErr;
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::WorkerGlobalScope;

use self::report::Reporter;
use crate::model::{Command, Facts, Intent, Millis, Model, Status, Unit};
use crate::opening::{Opening, Piece, is_too_large_to_show};

/// What the page tells once, at the start.
#[derive(Debug, Deserialize)]
struct Setting {
    /// Origin of the server, `https://glimpse.example`.
    server: String,
    /// Where this page says it comes from; a claim.
    origin: String,
    /// The build that this page says it is; a claim.
    build: String,
    /// The browser and system that this page says it runs in; a claim.
    program: String,
}

/// The Worker's end of the page: `www/worker.js` makes one and feeds it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Pump(Shared);

/// The pump as its requests and its socket hold it. The Worker runs one thing at a time, and nothing in here waits while
/// it is borrowed.
type Shared = Rc<RefCell<Inner>>;

#[derive(Debug)]
struct Inner {
    model: Model,
    viewer: Viewer,
    server: String,
    reporter: Reporter,
    /// Where frames for the present socket go; dropping it closes the socket.
    socket: Option<UnboundedSender<Vec<u8>>>,
    /// Counts sockets: what an earlier one still says is not heard.
    sockets: u32,
    opening: Option<Opening>,
    /// What the model was told last, so that it is told changes only.
    told: Option<Status>,
    units: usize,
    was_refused: bool,
    /// Whether the viewer changed since the page was told, and the second of the countdown that it was told.
    changed: bool,
    second: u64,
    /// The end of a pairing, told at the next tick, so that a last frame still leaves.
    over: Option<ErrorCode>,
}

#[wasm_bindgen]
impl Pump {
    /// Starts with an empty code field, and reports it.
    ///
    /// # Errors
    ///
    /// Fails when the page's setting is not one.
    #[wasm_bindgen(constructor)]
    pub fn new(setting: JsValue, report: Function) -> Result<Self, JsError> {
        let Setting { server, origin, build, program } = serde_wasm_bindgen::from_value(setting)?;
        let claims = Claims { origin, build, program };
        let config = Config { claims, purpose: Purpose::View, asking: Asking::default() };
        let inner = Inner {
            model: Model::default(),
            viewer: Viewer::new(config),
            server,
            reporter: Reporter::new(report),
            socket: None,
            sockets: 0,
            opening: None,
            told: None,
            units: 0,
            was_refused: false,
            changed: false,
            second: 0,
            over: None,
        };
        inner.reporter.snapshot(&inner.model, now());
        Ok(Self(Rc::new(RefCell::new(inner))))
    }

    /// Takes what the person did. What is no intent is dropped: the page is not trusted to be well formed.
    pub fn intent(&self, intent: JsValue) {
        let Ok(intent) = serde_wasm_bindgen::from_value::<Intent>(intent) else { return };
        let mut inner = self.0.borrow_mut();
        if !matches!(intent, Intent::Network { .. }) {
            inner.feed(&self.0, Input::Touched);
        }
        for command in inner.model.intent(intent, now()) {
            inner.carry_out(&self.0, command);
        }
        inner.draw();
    }

    /// Time went on.
    pub fn tick(&self) {
        let mut inner = self.0.borrow_mut();
        inner.feed(&self.0, Input::Tick);
        if let Some(code) = inner.over.take() {
            inner.model.status(Status::Over(code), now());
            inner.changed = true;
        }
        inner.model.tick(now());
        if inner.changed || inner.second != now() / 1000 {
            inner.draw();
        }
    }
}

/// Hands the viewer something that came from the network, and draws what it changed.
fn feed(shared: &Shared, input: Input) {
    let mut inner = shared.borrow_mut();
    inner.feed(shared, input);
    inner.draw();
}

impl Inner {
    fn carry_out(&mut self, shared: &Shared, command: Command) {
        match command {
            Command::Submit(text) => self.feed(shared, Input::Code(text)),
            Command::Open(unit) => self.open(shared, unit),
            Command::Close(unit) => {
                self.opening = None;
                self.feed(shared, Input::Close(unit));
            }
            Command::Save(unit, name) => {
                let kept = self.opening.as_ref().filter(|opening| opening.unit() == unit).and_then(Opening::kept);
                self.reporter.save(unit, &name, kept);
            }
            Command::Ask(text) => self.feed(shared, Input::AskRecord(text)),
            Command::AskTime(minutes) => self.feed(shared, Input::AskTime(minutes)),
            Command::End => {
                self.opening = None;
                self.feed(shared, Input::End);
            }
        }
    }

    fn open(&mut self, shared: &Shared, unit: UnitId) {
        let State::Session(running) = self.viewer.state() else { return };
        let may_save = running.may_save();
        let Some(lent) = running.unit(&unit).map(|lent| listed(unit, lent)) else { return };
        if is_too_large_to_show(lent.length) && !may_save {
            self.model.failed(unit, ErrorCode::TooLarge);
            return;
        }
        self.opening = Some(Opening::new(&lent));
        self.feed(shared, Input::Open(unit));
    }

    /// Hands the viewer what happened, and does what it asks for.
    fn feed(&mut self, shared: &Shared, input: Input) {
        self.viewer.handle(input, Monotonic(now()), &mut UnwrapErr(SysRng));
        while let Some(output) = self.viewer.poll() {
            self.act(shared, output);
        }
        self.tell();
    }

    fn act(&mut self, shared: &Shared, output: Output) {
        match output {
            Output::Http(request) => spawn_local(http::run(Rc::clone(shared), self.server.clone(), request)),
            Output::SocketOpen { path } => {
                self.sockets = self.sockets.wrapping_add(1);
                let (sender, receiver) = futures_channel::mpsc::unbounded();
                self.socket = Some(sender);
                // `https:` becomes `wss:`, `http:` becomes `ws:`.
                let url = format!("{}{path}", self.server.replacen("http", "ws", 1));
                spawn_local(socket::run(Rc::clone(shared), self.sockets, url, receiver));
            }
            Output::SocketSend(bytes) => {
                if let Some(socket) = &self.socket {
                    // A socket that is gone reports that itself.
                    let _ = socket.unbounded_send(bytes);
                }
            }
            Output::SocketClose => self.socket = None,
            Output::Content(content) => self.content(&content),
            Output::Changed => self.changed = true,
            Output::Ended(code) => {
                self.changed = true;
                let told = matches!(self.told, Some(Status::Session(_)));
                if told {
                    self.model.status(Status::Over(code), now());
                } else {
                    self.over = Some(code);
                }
            }
        }
    }

    fn content(&mut self, content: &Content) {
        let unit = content.unit;
        let Some(opening) = self.opening.as_mut().filter(|opening| opening.unit() == unit) else { return };
        match opening.take(content.offset, &content.bytes, content.total) {
            Piece::Kept => {}
            Piece::Pass => self.reporter.bytes(unit, &content.bytes),
            Piece::OutOfOrder => {
                self.opening = None;
                self.model.failed(unit, ErrorCode::Internal);
                return;
            }
        }
        self.model.progress(unit, opening.received(), opening.total());
        if content.last && opening.is_complete() {
            self.reporter.view(unit, &opening.view());
            self.model.opened(unit);
        }
    }

    /// Tells the model where the viewer is, where that changed.
    fn tell(&mut self) {
        let time = now();
        let status = match self.viewer.state() {
            // The page starts a new Worker for the next code: what this one knows of the last goes with it.
            State::EnterCode { problem: Some(code) } => Status::Over(code),
            State::EnterCode { problem: None } | State::Ended { .. } => return,
            State::Connecting { step: Step::Claiming } => Status::Finding,
            State::Connecting { step: Step::Agreeing } => Status::Proving,
            State::Waiting { words, until, device_present, .. } => {
                let (first, second) = words.words();
                Status::Approving {
                    words: [first.to_owned(), second.to_owned()],
                    until: until.0,
                    present: device_present,
                }
            }
            State::Session(running) => Status::Session(facts(running)),
        };
        if self.told.as_ref() != Some(&status) {
            self.model.status(status.clone(), time);
            self.told = Some(status);
        }
        if let State::Session(running) = self.viewer.state() {
            let units: Vec<Unit> = running.units().skip(self.units).map(|(id, unit)| listed(id, unit)).collect();
            self.units = self.units.saturating_add(units.len());
            if !units.is_empty() {
                self.model.units(units);
            }
            if running.was_refused() && !self.was_refused {
                self.model.refused();
            }
            self.was_refused = running.was_refused();
            for opening in running.openings() {
                match opening.stage {
                    Stage::Preparing => self.model.preparing(opening.unit),
                    Stage::Failed(code) => self.model.failed(opening.unit, code),
                    Stage::Asking | Stage::Loading | Stage::Done => {}
                }
            }
        }
    }

    fn draw(&mut self) {
        self.changed = false;
        self.second = now() / 1000;
        self.reporter.snapshot(&self.model, now());
    }
}

fn facts(running: &Running) -> Facts {
    Facts {
        owner: running.lender().to_owned(),
        may_save: running.may_save(),
        until: running.ends_at().0,
        idle: running.idle_at().0,
        connected: running.connected() && running.device_present(),
    }
}

fn listed(unit: UnitId, lent: &glimpse_core::session::viewer::Unit) -> Unit {
    let meta = &lent.meta;
    Unit {
        unit,
        title: meta.title.clone(),
        kind: meta.kind.clone(),
        content_type: meta.content_type.clone(),
        file_name: meta.file_name.clone(),
        tags: meta.tags.clone(),
        length: meta.length,
        author: lent.unapproved.then(|| meta.from.clone()),
        created: meta.created,
    }
}

/// Milliseconds since the Worker started, by a clock that only goes forward.
fn now() -> Millis {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let millis = scope.performance().map_or(0.0, |performance| performance.now());
    // Finite and not negative by the High Resolution Time standard, and far below 2^53.
    #[expect(clippy::as_conversions, reason = "see above")]
    let millis = millis as Millis;
    millis
}
