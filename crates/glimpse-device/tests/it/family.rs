//! Several devices of one account: linking them, with both ends in one test.

use core::cell::Cell;
use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::StreamExt;
use futures_util::future::join;
use glimpse_core::linking::CodeForm;
use glimpse_device::linking::{self, Added, Command, Event, Join, Way, parse_code};
use glimpse_device::transport::{Socket, Unreachable};
use glimpse_device::{Device, DeviceError, Ground, Local};

use crate::world::{PASSPHRASE, World};

/// What the two persons did and saw.
pub(crate) type Linked = (Result<Added, DeviceError>, Result<Device, DeviceError>);

/// Who shows the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    Adder,
    Joiner,
}

/// How a linking is played.
pub(crate) struct Play<'p> {
    pub(crate) shows: Shows,
    pub(crate) form: CodeForm,
    pub(crate) name: &'p str,
    pub(crate) serial: &'p str,
    /// Whether the joiner has no network of its own.
    pub(crate) watch: bool,
    /// Over a stream of their own: that of the end that shows the code, and of the other.
    pub(crate) local: Option<(Box<dyn Socket>, Box<dyn Socket>)>,
    /// What goes on between the code that is shown and its being typed.
    pub(crate) meanwhile: Local<'p, ()>,
    /// What the adder's person does: given the right words, and all that are offered.
    pub(crate) answer: fn(&str, &[String]) -> Command,
    /// Whether the joiner was told that the server shows another key than the account knows.
    pub(crate) warned: Rc<Cell<bool>>,
}

impl Default for Play<'_> {
    fn default() -> Self {
        let answer = |right: &str, _: &[String]| Command::Approve { words: right.to_owned() };
        let (shows, form) = (Shows::Adder, CodeForm::Typed);
        Self {
            shows,
            form,
            name: "Tablet",
            serial: "",
            watch: false,
            local: None,
            meanwhile: Box::pin(async {}),
            answer,
            warned: Rc::default(),
        }
    }
}

/// Runs both ends of a linking against each other.
pub(crate) async fn play(adder: &Device, ground: &Ground, play: Play<'_>) -> Linked {
    let Play { shows, form, name, serial, watch, local, meanwhile, answer, warned } = play;
    let (first, second) = match local {
        Some((first, second)) => (Some(first), Some(second)),
        None => (None, None),
    };
    let (code_out, mut code_in) = mpsc::unbounded::<String>();
    let (words_out, mut words_in) = mpsc::unbounded::<String>();
    let (asked_out, mut asked_in) = mpsc::unbounded::<Vec<String>>();
    let code_out = &code_out;
    let tell_code = |event: &Event| {
        if let Event::Code { code, qr, .. } = event {
            let text = qr.as_ref().unwrap_or(code);
            code_out.unbounded_send(text.to_string()).unwrap();
        }
    };
    let (to_adder, mut adder_commands) = mpsc::unbounded();
    let (_to_joiner, mut joiner_commands) = mpsc::unbounded();
    let mut adder_sees = |event: Event| {
        tell_code(&event);
        if let Event::Asked { words, .. } = event {
            asked_out.unbounded_send(words.iter().map(ToString::to_string).collect()).unwrap();
        }
    };
    let mut joiner_sees = |event: Event| {
        tell_code(&event);
        warned.set(warned.get() || matches!(event, Event::OtherServerKey));
        if let Event::Words { words, .. } = event {
            words_out.unbounded_send(words.to_string()).unwrap();
        }
    };
    let way_of_shower = match first {
        Some(socket) => Way::ShowLocal(form, socket),
        None => Way::Show(form),
    };
    let plan = Join {
        name: name.to_owned(),
        serial: serial.to_owned(),
        passphrase: PASSPHRASE,
        phone: watch.then(|| "here".to_owned()),
    };
    let person = async {
        let offered = asked_in.next().await;
        if let (Some(offered), Some(right)) = (offered, words_in.next().await) {
            drop(to_adder.unbounded_send(answer(&right, &offered)));
        }
        futures_util::future::pending::<()>().await;
    };
    let typed = async |code: Option<String>| {
        meanwhile.await;
        let code = parse_code(&code.expect("a code was shown")).unwrap();
        match second {
            Some(socket) => Way::TypeLocal(code, socket),
            None => Way::Type(code),
        }
    };
    let both = async {
        match shows {
            Shows::Adder => {
                let adding = adder.link(way_of_shower, &mut adder_commands, &mut adder_sees);
                let joining = async {
                    let way = typed(code_in.next().await).await;
                    linking::join(ground, plan, way, &mut joiner_commands, &mut joiner_sees).await
                };
                join(adding, joining).await
            }
            Shows::Joiner => {
                let joining = linking::join(ground, plan, way_of_shower, &mut joiner_commands, &mut joiner_sees);
                let adding = async {
                    let way = typed(code_in.next().await).await;
                    adder.link(way, &mut adder_commands, &mut adder_sees).await
                };
                join(adding, joining).await
            }
        }
    };
    tokio::select! {
        done = both => done,
        () = person => unreachable!("the person waits for ever"),
    }
}

/// One more device in the account.
pub(crate) async fn linked(world: &World, adder: &Device, name: &str) -> Device {
    let (added, joined) = play(adder, &world.ground(name), Play { name, ..Play::default() }).await;
    assert!(added.unwrap().told);
    joined.unwrap()
}

/// One end of a stream within this test; it closes after so many frames, if a number is given.
pub(crate) struct Wire {
    send: mpsc::UnboundedSender<Vec<u8>>,
    receive: mpsc::UnboundedReceiver<Vec<u8>>,
    pub(crate) left: Option<Rc<core::cell::Cell<u32>>>,
    /// Everything that this end sent.
    pub(crate) sent: Rc<core::cell::RefCell<Vec<Vec<u8>>>>,
}

pub(crate) fn wires() -> (Wire, Wire) {
    let (to_b, from_a) = mpsc::unbounded();
    let (to_a, from_b) = mpsc::unbounded();
    let wire = |send, receive| Wire { send, receive, left: None, sent: Rc::default() };
    (wire(to_b, from_b), wire(to_a, from_a))
}

impl Socket for Wire {
    fn send(&mut self, frame: Vec<u8>) -> Local<'_, Result<(), Unreachable>> {
        if let Some(left) = &self.left {
            match left.get().checked_sub(1) {
                Some(less) => left.set(less),
                None => return Box::pin(async { Err(Unreachable) }),
            }
        }
        self.sent.borrow_mut().push(frame.clone());
        let sent = self.send.unbounded_send(frame).map_err(|_| Unreachable);
        Box::pin(async move { sent })
    }

    fn receive(&mut self) -> Local<'_, Option<Vec<u8>>> {
        if self.left.as_ref().is_some_and(|left| left.get() == 0) {
            return Box::pin(async { None });
        }
        Box::pin(async move { self.receive.next().await })
    }
}
