//! A server, phones that stand on it, and what their screens showed.

use core::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use glimpse_device::Ground;
use glimpse_device::native::{Files, Machine, Network};
use glimpse_phone::{Face, Intent, Kinds, NewFile, Phone, Readable, Snapshot};
use glimpse_server::Settings;
use glimpse_server::test_server::{ScratchFolder, TestServer};
use glimpse_wire::{ErrorCode, RecordId, UnixMillis};
use serde_json::{Value, json};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

pub(crate) const PASSPHRASE: &str = "correct horse battery";

/// How long a screen may take to show what a test waits for. Generous: argon2 in a build without optimisation.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a test waits between two looks.
const GLANCE: Duration = Duration::from_millis(5);

/// Runs a story on one thread, with the tasks that it spawns.
pub(crate) async fn on_one_thread<F: Future>(story: F) -> F::Output {
    LocalSet::new().run_until(story).await
}

pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) folder: ScratchFolder,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With settings of the test's own.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        // More happens in a minute than a person does.
        let clock = std::sync::Arc::new(glimpse_server::SystemClock::new());
        let server = TestServer::start_with(clock, |settings| {
            let limits = &mut settings.limits;
            for limit in [
                &mut limits.requests_per_address,
                &mut limits.sign_ins_per_address,
                &mut limits.claims_per_address,
                &mut limits.mailboxes_per_account_minute,
                &mut limits.link_mailboxes_per_address_minute,
                &mut limits.links_per_device,
                &mut limits.recoveries_per_address,
                &mut limits.mints_per_signer,
            ] {
                *limit = 100_000;
            }
            change(settings);
        });
        Self { server: server.await, folder: ScratchFolder::new().unwrap() }
    }

    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn ground(&self, name: &str) -> Ground {
        Ground {
            storage: Rc::new(Files::new(self.home(name))),
            transport: Rc::new(Network::new(&self.server.url()).unwrap()),
            machine: Rc::new(Machine::new()),
        }
    }

    /// A phone whose home is the folder of this name; there may be an account in it.
    pub(crate) fn phone(&self, name: &str) -> Hand {
        Hand::on(self.ground(name))
    }

    /// A phone with an account, at its list.
    pub(crate) async fn founded(&self, name: &str) -> Hand {
        let hand = self.phone(name);
        hand.screen("start").await;
        hand.does(json!({ "type": "create", "name": "Mara", "passphrase": PASSPHRASE }));
        hand.until(|shown| shown["screen"] == "records" && shown["fresh"] == true && shown["busy"].is_null()).await;
        hand
    }
}

/// A phone, and what it showed.
pub(crate) struct Hand {
    pub(crate) phone: Phone,
    shown: Rc<Shown>,
}

/// What went through the face.
#[derive(Default)]
pub(crate) struct Shown {
    /// Every snapshot, the latest last.
    snapshots: RefCell<Vec<Value>>,
    /// The content that was taken of the record that was begun last.
    content: RefCell<Vec<u8>>,
    /// Whether the reader's module is not there.
    pub(crate) readerless: Cell<bool>,
    /// Names under which the person kept what was open.
    saved: RefCell<Vec<String>>,
    /// The fields that the reader finds, whatever it reads; none, and it has not come to finding any. It cuts out the first byte.
    pub(crate) fields: RefCell<Vec<String>>,
    /// Files that the person kept: their names and texts.
    files: RefCell<Vec<(String, String)>>,
}

struct Recorder(Rc<Shown>);

impl Face for Recorder {
    fn draw(&self, snapshot: &Snapshot<'_>) {
        self.0.snapshots.borrow_mut().push(serde_json::to_value(snapshot).unwrap());
    }

    fn begin(&self, _: RecordId, _: &str, _: &str) -> Result<bool, ErrorCode> {
        self.0.content.borrow_mut().clear();
        Ok(!self.0.readerless.get())
    }

    fn take(&self, offset: u64, bytes: &[u8], total: u64) -> Result<(), ErrorCode> {
        let mut content = self.0.content.borrow_mut();
        assert_eq!(offset, u64::try_from(content.len()).unwrap(), "pieces come in order");
        content.extend_from_slice(bytes);
        assert!(u64::try_from(content.len()).unwrap() <= total);
        Ok(())
    }

    fn forget(&self) {
        self.0.content.borrow_mut().clear();
    }

    fn save(&self, name: &str) {
        self.0.saved.borrow_mut().push(name.to_owned());
    }

    fn file(&self, name: &str, text: &str) {
        self.0.files.borrow_mut().push((name.to_owned(), text.to_owned()));
    }

    fn zoom(&self, _: u32, _: i64, _: i64) {}

    fn look(&self, _: &str, _: &[u8]) -> Result<Option<Kinds>, ErrorCode> {
        Ok((!self.0.readerless.get()).then(|| Kinds { kind: "text".into(), content_type: "text/plain".into() }))
    }

    fn fields(&self, _: &Readable<'_>) -> Result<Option<Vec<String>>, ErrorCode> {
        let fields = self.0.fields.borrow();
        let found = ["fields", "all"].into_iter().map(str::to_owned).chain(fields.iter().cloned()).collect();
        Ok((!fields.is_empty()).then_some(found))
    }

    fn cut(&self, _: &Readable<'_>, pointers: &[String]) -> Result<Option<Vec<String>>, ErrorCode> {
        Ok(Some(["cut".to_owned(), pointers.len().to_string(), "0".to_owned(), "1".to_owned()].into()))
    }
}

impl Hand {
    pub(crate) fn on(ground: Ground) -> Self {
        let shown = Rc::<Shown>::default();
        let spawn = Box::new(|task| drop(spawn_local(task)));
        let phone = Phone::start(ground, Box::new(Recorder(Rc::clone(&shown))), spawn);
        phone.draw();
        Self { phone, shown }
    }

    pub(crate) fn shown(&self) -> &Shown {
        &self.shown
    }

    /// The person does something, as the page would report it.
    pub(crate) fn does(&self, intent: Value) {
        let read = Intent::from_json(&intent.to_string());
        self.phone.intent(read.unwrap_or_else(|| panic!("an intent: {intent}")));
    }

    pub(crate) fn goes(&self, to: &str) {
        self.does(json!({ "type": "go", "to": to }));
    }

    /// What is on the screen now.
    pub(crate) fn now(&self) -> Value {
        self.shown.snapshots.borrow().last().cloned().unwrap()
    }

    /// Every snapshot so far.
    pub(crate) fn snapshots(&self) -> Vec<Value> {
        self.shown.snapshots.borrow().clone()
    }

    /// What was taken of the content of the open record.
    pub(crate) fn content(&self) -> Vec<u8> {
        self.shown.content.borrow().clone()
    }

    /// The names under which the person kept what was open.
    pub(crate) fn saved(&self) -> Vec<String> {
        self.shown.saved.borrow().clone()
    }

    /// The files that the person kept.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        self.shown.files.borrow().clone()
    }

    /// Waits until the screen is as `wanted` says, and gives it.
    pub(crate) async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                let now = self.now();
                if wanted(&now) {
                    return now;
                }
                sleep(GLANCE).await;
            }
        };
        timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("the screen never came; it stands at {:#}", self.now()))
    }

    pub(crate) async fn screen(&self, name: &str) -> Value {
        self.until(|shown| shown["screen"] == name).await
    }

    /// The person types the passphrase where it is locked, and comes to the list.
    pub(crate) async fn unlocks(&self) {
        self.screen("locked").await;
        self.does(json!({ "type": "unlock", "passphrase": PASSPHRASE }));
        self.screen("records").await;
    }

    /// Waits until nothing is under way.
    pub(crate) async fn idle(&self) -> Value {
        self.until(|shown| shown["busy"].is_null()).await
    }

    /// Waits until no answer of the server is on its way any more: nothing was drawn for a while.
    pub(crate) async fn rests(&self) {
        loop {
            let drawn = self.snapshots().len();
            for _ in 0..100 {
                sleep(GLANCE).await;
            }
            if self.snapshots().len() == drawn {
                return;
            }
        }
    }

    /// Waits until something went wrong, and gives its key.
    pub(crate) async fn trouble(&self) -> String {
        let shown = self.until(|shown| !shown["trouble"].is_null()).await;
        shown["trouble"]["key"].as_str().unwrap().to_owned()
    }

    /// Keeps a text as a record, and gives its id.
    pub(crate) async fn adds(&self, title: &str, bytes: &'static [u8]) -> String {
        self.phone.add(NewFile {
            title: title.to_owned(),
            file_name: format!("{title}.txt"),
            modified: UnixMillis(1_790_000_000_000),
            tags: Vec::new(),
            never_lend: false,
            sensitive: false,
            replaces: None,
            length: u64::try_from(bytes.len()).unwrap(),
            open: Box::new(move || Box::new(bytes)),
        });
        self.until(|shown| shown["busy"].is_null() && row(shown, title).is_some()).await;
        row(&self.now(), title).unwrap()
    }
}

/// The id of the record of this title, where the list shows it.
pub(crate) fn row(shown: &Value, title: &str) -> Option<String> {
    let rows = shown["list"]["rows"].as_array()?;
    let row = rows.iter().find(|row| row["title"] == title)?;
    Some(row["unit"].as_str()?.to_owned())
}
