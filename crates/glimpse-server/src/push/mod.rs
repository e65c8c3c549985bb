//! Web Push: a device that is asleep hears that it should look (protocol section 8.4).
//!
//! A push says that something happened and nothing of what: an id drawn at random, sealed to the browser that subscribed.
//! Everything that happened stands in the account, which the device reads when it looks; so whatever is lost here is a push,
//! never more, and the server works without.
//!
//! ```text
//! act committed → note (account, who did it) → look up the other devices → at most one push for each → send
//! ```
//!
//! Nothing here is on the way of a request: an act is noted in memory, and the worker does the rest. A log line tells nothing
//! of an act, an account, a device or an endpoint.

mod endpoint;
mod queue;
mod seal;
mod send;
mod vapid;

pub(crate) use send::tls;
pub use vapid::{PushKey, PushKeyError};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use glimpse_wire::api::PushSubscription;
use glimpse_wire::ids::Bytes;
use glimpse_wire::{AccountId, DeviceId, ErrorCode};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::queue::{Act, Bounds, Queue, Target};
use self::seal::PushId;
use self::send::{Outcome, Sender};
use crate::app::App;
use crate::metrics::PushLabels;
use crate::server::StartError;
use crate::settings::Settings;

const MINUTE_MILLIS: u64 = 60 * 1_000;

/// The pushes of one server.
#[derive(Debug)]
pub(crate) struct Pushes {
    sender: Sender,
    queue: Mutex<Queue>,
    /// Tells the worker that there is something to do.
    wake: Notify,
    /// Tells whoever waits for quiet that something was done.
    done: Notify,
}

impl Pushes {
    /// As the settings say; none without a key.
    ///
    /// # Errors
    /// [`StartError`] names what an operator must mend.
    pub(crate) fn of(settings: &Settings) -> Result<Option<Self>, StartError> {
        let (Some(key), Some(contact)) = (&settings.push_key_file, &settings.push_contact) else { return Ok(None) };
        let key = PushKey::read(key, &settings.data)?;
        let limits = &settings.limits;
        let bounds = Bounds {
            waiting: limits.pushes_waiting,
            at_once: limits.pushes_at_once,
            gap: MINUTE_MILLIS / u64::from(limits.pushes_per_device.max(1)),
        };
        let inside = settings.push_inside.iter().filter_map(|text| Url::parse(text).ok());
        let sender = Sender {
            key,
            contact: contact.clone(),
            inside: inside.map(|url| endpoint::origin(&url)).collect(),
            tls: tls(settings.push_ca.as_deref())?,
            patience: Duration::from_secs(limits.push_seconds),
        };
        Ok(Some(Self { sender, queue: Mutex::new(Queue::new(bounds)), wake: Notify::new(), done: Notify::new() }))
    }

    /// The key that a device subscribes with.
    pub(crate) fn public_key(&self) -> Bytes {
        self.sender.key.public()
    }

    /// Whether a push could be sent to this subscription.
    pub(crate) fn takes(&self, subscription: &PushSubscription) -> bool {
        self.sender.takes(subscription)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Has the devices of an account look: all that subscribed, but the one that did what they are to see.
    pub(crate) fn wake_others(&self, account: &AccountId, but: Option<DeviceId>) {
        let Some(pushes) = &self.pushes else { return };
        if !pushes.queue().note((*account, but)) {
            self.count_push("dropped");
        }
        pushes.wake.notify_one();
    }

    /// Returns when every push that is due was sent or has failed, by the present time.
    pub(crate) async fn pushed(&self) {
        let Some(pushes) = &self.pushes else { return };
        loop {
            let done = pushes.done.notified();
            if pushes.queue().is_quiet(self.clock.now()) {
                return;
            }
            pushes.wake.notify_one();
            done.await;
        }
    }

    fn count_push(&self, outcome: &'static str) {
        self.metrics.pushes.get_or_create(&PushLabels { outcome }).inc();
    }
}

/// Sends what is noted until `stop`, and then, for as long as `drain` lasts, what is due at that time.
pub(crate) async fn run(app: &Arc<App>, stop: CancellationToken, drain: Duration) {
    let Some(pushes) = &app.pushes else { return };
    let mut sending = JoinSet::new();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        work(app, pushes, &mut sending).await;
        tokio::select! {
            () = stop.cancelled() => break,
            () = pushes.wake.notified() => {}
            Some(_) = sending.join_next() => {}
            _ = seconds.tick() => {}
        }
    }
    let finish = async {
        work(app, pushes, &mut sending).await;
        while sending.join_next().await.is_some() {
            work(app, pushes, &mut sending).await;
        }
    };
    if tokio::time::timeout(drain, finish).await.is_err() {
        tracing::warn!("some pushes were not sent in time");
    }
}

/// Looks up whom the acts concern, and begins to send what is due.
async fn work(app: &Arc<App>, pushes: &Pushes, sending: &mut JoinSet<()>) {
    let acts = pushes.queue().take_acts();
    if !acts.is_empty() {
        for act in acts {
            look_up(app, pushes, act).await;
        }
        pushes.queue().looked_up();
        pushes.done.notify_waiters();
    }
    let due = pushes.queue().take_due(app.clock.now());
    for (target, id) in due {
        let app = Arc::clone(app);
        sending.spawn(async move { push(&app, target, id).await });
    }
}

async fn look_up(app: &App, pushes: &Pushes, (account, but): Act) {
    // The cause of a failure is logged where it arises.
    let Ok(devices) = app.store.push_devices(&account).await else { return };
    let now = app.clock.now();
    for device in devices.into_iter().filter(|device| Some(*device) != but) {
        let wanted = PushId::draw().is_ok_and(|id| pushes.queue().want((account, device), id, now));
        if !wanted {
            app.count_push("dropped");
        }
    }
}

/// Sends one push, to the subscription that the device has at this moment.
async fn push(app: &App, target: Target, id: PushId) {
    let Some(pushes) = &app.pushes else { return };
    let outcome = attempt(app, pushes, &target, id).await;
    let again = pushes.queue().sent(&target, outcome, app.clock.now());
    app.count_push(match outcome {
        Outcome::Taken => "taken",
        Outcome::Gone => "gone",
        Outcome::Refused => "refused",
        Outcome::Later { .. } if again => "later",
        Outcome::Later { .. } => "given-up",
    });
    pushes.done.notify_waiters();
}

async fn attempt(app: &App, pushes: &Pushes, (account, device): &Target, id: PushId) -> Outcome {
    let subscription = match app.store.push_subscription(account, device).await {
        Ok(Some(subscription)) => subscription,
        Ok(None) => return Outcome::Gone,
        Err(problem) if problem.code() == ErrorCode::Busy => return Outcome::Later { after: None },
        Err(_) => return Outcome::Refused,
    };
    let outcome = pushes.sender.send(&subscription, id, app.clock.now()).await;
    if outcome == Outcome::Gone {
        // Should it fail, the next push is answered in the same way.
        let _ = app.store.end_push(account, device, &subscription.endpoint).await;
    }
    outcome
}
