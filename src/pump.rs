//! The pump: carries bytes between the viewer, the network and the page. It decides nothing; what it cannot carry it
//! reports as a failure.

mod http;
mod socket;

use core::fmt;
use core::pin::Pin;
use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::mpsc::UnboundedSender;
use getrandom::SysRng;
use glimpse_content::limits::SHOWN;
use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::session::viewer::Provenance;
use glimpse_core::viewer::{Config, Content, Input, Output, Running, Stage, State, Step, Viewer};
use glimpse_core::{Clock, Monotonic};
use glimpse_wire::ids::SignatureBytes;
use glimpse_wire::organisation::Asked;
use glimpse_wire::pairing::Purpose;
use glimpse_wire::record::Meta;
use glimpse_wire::{ErrorCode, SessionId, UnitId, UnixMillis};
use js_sys::Function;
use rand_core::UnwrapErr;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::WorkerGlobalScope;
use zeroize::Zeroize as _;

pub use glimpse_page::reading::Readers;
use glimpse_page::reading::{Reading, Taken};
use glimpse_page::report::Reporter;

use crate::model::{Command, Facts, Intent, Millis, Model, Status, Unit};

/// The Worker's end of the page: `www/worker.js` makes one and feeds it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Pump(Shared);

/// The pump as its requests and its socket hold it. The Worker runs one thing at a time, and nothing in here waits while
/// it is borrowed.
type Shared = Rc<RefCell<Inner>>;

struct Inner {
    model: Model,
    viewer: Viewer,
    server: String,
    reporter: Reporter,
    /// Where frames for the present socket go; dropping it closes the socket.
    socket: Option<UnboundedSender<Vec<u8>>>,
    /// Counts sockets: what an earlier one still says is not heard.
    sockets: u32,
    readers: Readers,
    reading: Option<Reading<UnitId>>,
    /// A record that waits for the reader's module.
    waiting: Option<UnitId>,
    /// What the model was told last, so that it is told changes only.
    told: Option<Status>,
    units: usize,
    was_refused: bool,
    /// Whether the viewer changed since the page was told, and the second of the countdown that it was told.
    changed: bool,
    second: u64,
    /// The end of a pairing, told at the next tick, so that a last frame still leaves.
    over: Option<ErrorCode>,
    /// An agent's desk; none for the user's own screen.
    desk: Option<Rc<dyn Desk>>,
}

#[wasm_bindgen]
impl Pump {
    /// Starts with an empty code field, and reports it. `server` is an origin, `https://glimpse.example`; where the page
    /// comes from, its build and the browser it runs in are claims, and shown as such.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(
        server: String,
        origin: String,
        build: String,
        program: String,
        report: Function,
        readers: Readers,
    ) -> Self {
        let claims = Claims { origin, build, program };
        let config = Config { claims, purpose: Purpose::View, asking: Asking::default(), bearer: None };
        Self::begin(config, server, report, readers, None)
    }

    /// Takes what the person did, as JSON. What is no intent is dropped: the page is not trusted to be well formed.
    pub fn intent(&self, mut json: String) {
        let intent = Intent::from_json(&json);
        // It may hold a code.
        json.zeroize();
        let Some(intent) = intent else { return };
        let mut inner = self.0.borrow_mut();
        if !matches!(intent, Intent::Network { .. }) {
            inner.feed(&self.0, Input::Touched);
        }
        for command in inner.model.intent(intent, now()) {
            inner.carry_out(&self.0, command);
        }
        inner.draw();
    }

    /// The reader's module has come, or could not be had, for the reason with this slug.
    pub fn reader(&self, failure: Option<String>) {
        let mut inner = self.0.borrow_mut();
        let Some(unit) = inner.waiting.take() else { return };
        match failure {
            None => inner.open(&self.0, unit),
            Some(slug) => inner.model.failed(unit, slug.parse().unwrap_or(ErrorCode::Internal)),
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

/// An agent's desk behind a viewer: it has the key, and keeps the organisation's log.
pub trait Desk {
    /// Signs what the agent presents; nothing where the key cannot be used.
    fn present(&self, presentation: Vec<u8>) -> Pin<Box<dyn Future<Output = Option<SignatureBytes>>>>;

    /// A session has begun, for what was asked.
    fn granted(&self, session: SessionId, asked: Asked);
}

impl Pump {
    /// Starts with an empty code field, for a viewer of this configuration and the desk behind it, and reports it.
    #[must_use]
    pub fn begin(
        config: Config,
        server: String,
        report: Function,
        readers: Readers,
        desk: Option<Rc<dyn Desk>>,
    ) -> Self {
        let inner = Inner {
            model: Model::default(),
            viewer: Viewer::new(config),
            server,
            reporter: Reporter::new(report),
            socket: None,
            sockets: 0,
            readers,
            reading: None,
            waiting: None,
            told: None,
            units: 0,
            was_refused: false,
            changed: false,
            second: 0,
            over: None,
            desk,
        };
        inner.reporter.snapshot(&inner.model.snapshot(now()));
        Self(Rc::new(RefCell::new(inner)))
    }
}

/// Hands the viewer something that came from the network, and draws what it changed.
fn feed(shared: &Shared, input: Input) {
    let mut inner = shared.borrow_mut();
    inner.feed(shared, input);
    inner.draw();
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inner({:?})", self.viewer)
    }
}

impl Inner {
    fn carry_out(&mut self, shared: &Shared, command: Command) {
        match command {
            Command::Submit(text) => self.feed(shared, Input::Code(text)),
            Command::Open(unit) => self.open(shared, unit),
            Command::Close(unit) => {
                self.reading = None;
                self.waiting = None;
                self.feed(shared, Input::Close(unit));
            }
            Command::Save(unit, name) => {
                let kept = self.reading.as_ref().filter(|reading| reading.id == unit).and_then(Reading::kept);
                self.reporter.save(&unit, &name, kept.as_ref());
            }
            Command::Zoom { unit, block, from, to } => {
                let chart = self.reading.as_ref().filter(|reading| reading.id == unit);
                if let Some(chart) = chart.and_then(|reading| reading.zoom(block, from, to)) {
                    self.reporter.chart(&unit, block, &chart);
                }
            }
            Command::Ask(text) => self.feed(shared, Input::AskRecord(text)),
            Command::AskTime(minutes) => self.feed(shared, Input::AskTime(minutes)),
            Command::End => {
                self.reading = None;
                self.waiting = None;
                self.feed(shared, Input::End);
            }
        }
    }

    fn open(&mut self, shared: &Shared, unit: UnitId) {
        let State::Session(running) = self.viewer.state() else { return };
        let may_save = running.may_save();
        let Some(lent) = running.unit(&unit) else { return };
        let meta = &lent.meta;
        if meta.length > SHOWN && !may_save {
            self.model.failed(unit, ErrorCode::TooLarge);
            return;
        }
        if self.reading.as_ref().is_some_and(|reading| reading.id == unit) {
            // It stopped, and goes on where it did; if it begins anew, `content` sees that.
            return self.feed(shared, Input::Open(unit));
        }
        match Reading::start(&self.readers, unit, &meta.content_type, name_of(meta)) {
            Ok(Some(reading)) => {
                self.reading = Some(reading);
                self.feed(shared, Input::Open(unit));
            }
            Ok(None) => self.waiting = Some(unit),
            Err(code) => self.model.failed(unit, code),
        }
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
            Output::Sign(presentation) => {
                // Without a key nothing is presented, and the pairing runs into its end.
                let Some(signing) = self.desk.as_ref().map(|desk| desk.present(presentation)) else { return };
                let shared = Rc::clone(shared);
                spawn_local(async move {
                    let input = signing.await.map_or(Input::End, Input::Signed);
                    feed(&shared, input);
                });
            }
            Output::Content(content) => self.content(shared, &content),
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

    fn content(&mut self, shared: &Shared, content: &Content) {
        let unit = content.unit;
        if content.offset == 0
            && self.reading.as_ref().is_some_and(|reading| reading.id == unit && reading.received > 0)
        {
            self.begin_anew(unit);
        }
        let Some(reading) = self.reading.as_mut().filter(|reading| reading.id == unit) else { return };
        match reading.take(content.offset, &content.bytes, content.total) {
            Ok(Taken { pass, view }) => {
                self.model.progress(unit, reading.received, reading.total);
                if pass {
                    self.reporter.bytes(&unit, content.offset, &content.bytes);
                }
                if let Some(view) = view {
                    self.reporter.view(&unit, &view);
                    self.model.opened(unit);
                }
            }
            Err(code) => {
                self.reading = None;
                // The rest of it is not wanted, and another try begins anew.
                self.feed(shared, Input::Close(unit));
                self.model.failed(unit, code);
            }
        }
    }

    /// The record that stopped comes again from its beginning: a fresh reader takes it.
    fn begin_anew(&mut self, unit: UnitId) {
        self.reading = None;
        let State::Session(running) = self.viewer.state() else { return };
        let Some(lent) = running.unit(&unit) else { return };
        let meta = &lent.meta;
        // The module is there: it has read the beginning once.
        if let Ok(Some(reading)) = Reading::start(&self.readers, unit, &meta.content_type, name_of(meta)) {
            self.reading = Some(reading);
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
            State::Waiting { words, name, until, device_present } => {
                let (first, second) = words.words();
                Status::Approving {
                    words: [first.to_owned(), second.to_owned()],
                    owner: name.to_owned(),
                    until: until.0,
                    present: device_present,
                }
            }
            State::Session(running) => Status::Session(facts(running)),
        };
        if let (Some(desk), State::Session(running)) = (self.desk.as_ref(), self.viewer.state())
            && !matches!(self.told, Some(Status::Session(_)))
            && let Some(asked) = running.asked()
        {
            desk.granted(running.session(), asked.clone());
        }
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
        self.reporter.snapshot(&self.model.snapshot(now()));
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

/// What a record is called where its kind is told from its name.
const fn name_of(meta: &Meta) -> &String {
    if meta.file_name.is_empty() { &meta.title } else { &meta.file_name }
}

fn listed(unit: UnitId, lent: &glimpse_core::session::viewer::Unit) -> Unit {
    let meta = &lent.meta;
    Unit {
        id: unit,
        title: meta.title.clone(),
        kind: meta.kind.clone(),
        content_type: meta.content_type.clone(),
        file_name: meta.file_name.clone(),
        tags: meta.tags.clone(),
        length: meta.length,
        author: lent.provenance.is_written().then(|| meta.from.clone()),
        approved: lent.provenance == Provenance::Approved,
        withheld: lent.withheld,
        created: meta.created,
    }
}

thread_local! {
    /// The clock of this Worker; begins with the first look at it.
    static CLOCK: RefCell<Clock> = RefCell::new(Clock::new(uptime(), wall()));
}

/// Milliseconds since the Worker started, sleep included, by a clock that only goes forward.
fn now() -> Millis {
    let (uptime, wall) = (uptime(), wall());
    CLOCK.with_borrow_mut(|clock| clock.read(uptime, wall)).0
}

fn uptime() -> Millis {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    whole(scope.performance().map_or(0.0, |performance| performance.now()))
}

fn wall() -> UnixMillis {
    UnixMillis(whole(js_sys::Date::now()))
}

fn whole(millis: f64) -> Millis {
    // Saturates; both clocks are far below 2^53.
    #[expect(clippy::as_conversions, reason = "see above")]
    let millis = millis as Millis;
    millis
}
