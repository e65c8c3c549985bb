//! A second device of the account, beside the phone that is looked at.

use core::future::pending;

use futures_channel::mpsc;
use futures_util::StreamExt as _;
use futures_util::future::join;
use glimpse_core::linking::CodeForm;
use glimpse_device::Device;
use glimpse_device::linking::{self, Command, Event, Join, Way, parse_code};

use crate::world::{PASSPHRASE, World};

/// The device of a home that a phone uses as well, as another process of it would be.
pub(crate) async fn beside(world: &World, home: &str) -> Device {
    Device::unlock(&world.ground(home), PASSPHRASE.as_bytes()).await.unwrap()
}

/// Links one more device to the account.
pub(crate) async fn linked(world: &World, adder: &Device, name: &str) -> Device {
    let (code_out, mut code_in) = mpsc::unbounded::<String>();
    let (words_out, mut words_in) = mpsc::unbounded::<String>();
    let (asked_out, mut asked_in) = mpsc::unbounded::<()>();
    let (to_adder, mut commands) = mpsc::unbounded();
    let (_to_joiner, mut none) = mpsc::unbounded();
    let mut adder_sees = |event: Event| {
        if let Event::Code { code, qr, .. } = &event {
            code_out.unbounded_send(qr.as_ref().unwrap_or(code).to_string()).unwrap();
        }
        if let Event::Asked { .. } = event {
            asked_out.unbounded_send(()).unwrap();
        }
    };
    let mut joiner_sees = |event: Event| {
        if let Event::Words { words, .. } = event {
            words_out.unbounded_send(words.to_string()).unwrap();
        }
    };
    let plan = Join { name: name.to_owned(), serial: String::new(), passphrase: PASSPHRASE.as_bytes(), phone: None };
    let ground = world.ground(name);
    let joining = async {
        let code = parse_code(&code_in.next().await.unwrap()).unwrap();
        linking::join(&ground, plan, Way::Type(code), &mut none, &mut joiner_sees).await
    };
    let both = join(adder.link(Way::Show(CodeForm::Typed), &mut commands, &mut adder_sees), joining);
    let person = async {
        // What is said before it is asked is not heard.
        asked_in.next().await.unwrap();
        let words = words_in.next().await.unwrap();
        to_adder.unbounded_send(Command::Approve { words }).unwrap();
        pending::<()>().await;
    };
    tokio::select! {
        (added, joined) = both => {
            assert!(added.unwrap().told);
            joined.unwrap()
        }
        () = person => panic!("the person waits for ever"),
    }
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
