//! `glimpse write --to CARD FILE`: a back end that holds public keys only appends a record.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use glimpse_core::keys::WriterKeys;
use glimpse_device::card::ContactCard;
use glimpse_device::native::Machine;
use glimpse_device::publish::NewContent;
use glimpse_device::surroundings::SystemRng;
use glimpse_device::writer::Writer;
use glimpse_wire::limits::MAX_TITLE;
use serde::Serialize;
use zeroize::Zeroizing;

use super::add::progress;
use crate::args::{Shared, Write};
use crate::failure::Failure;
use crate::files::{Source, Target, require_private};
use crate::home;
use crate::out::Out;
use crate::text::{clean, cut};

/// A file that holds a card, in bytes at most.
const MAX_CARD: u64 = 16 * 1024;

#[derive(Serialize)]
struct Written {
    event: &'static str,
    record: String,
    account: String,
    bytes: u64,
    key: String,
}

pub(super) async fn run(shared: &Shared, write: &Write, out: Out) -> Result<u8, Failure> {
    let card = card(&write.to)?;
    let machine = Rc::new(Machine::new());
    let key = match &write.key {
        Some(key) => key.clone(),
        None => home::folder(shared)?.join("writer.key"),
    };
    let keys = keys(&key, &machine)?;
    let public = keys.signing().public().to_string();
    let network = home::network(&card.card().server)?;
    let writer = Writer::new(Rc::new(network), machine, keys);
    let mut source = Source::open(&write.file, writer.info().await?.max_content)?;
    let mut meta = source.meta(write.title.as_deref(), &[], 0);
    cut(&write.from, MAX_TITLE).clone_into(&mut meta.from);
    let bar = progress(source.length, &meta.title, out);
    let content = NewContent {
        meta,
        length: source.length,
        content: &mut source.content,
        progress: &mut |done| bar.set_position(done),
    };
    let record = writer.write(&card, content).await;
    bar.finish_and_clear();
    let record = record?.to_string();
    let account = card.card().statement.account.to_string();
    out.event(&Written {
        event: "written",
        record: record.clone(),
        account,
        bytes: source.length,
        key: public.clone(),
    })?;
    out.line(&format!("{record} written. Its owner sees it as yours, and not approved."))?;
    out.note(&format!("Who knows you can pin your key: {public}"));
    Ok(0)
}

/// A card, or a file that holds one.
pub(super) fn card(text: &str) -> Result<ContactCard, Failure> {
    let no_card = || {
        let next = "The owner prints one with `glimpse card`; give it, or the name of a file that holds it.";
        Failure::usage("This is no contact card, and no file of this name holds one.", next)
    };
    if let Ok(card) = text.parse() {
        return Ok(card);
    }
    card_text(text, no_card)?.parse().map_err(|_| no_card())
}

/// What stands in the file of this name, where there is one; else the text itself, as far as it is no name of a file.
pub(super) fn card_text(text: &str, no_card: impl Fn() -> Failure) -> Result<String, Failure> {
    let path = Path::new(text);
    if !path.is_file() {
        return if text.contains(':') { Ok(text.to_owned()) } else { Err(no_card()) };
    }
    let mut line = String::new();
    let file = fs::File::open(path).map_err(|error| Failure::input(path, &error.to_string()))?;
    file.take(MAX_CARD).read_to_string(&mut line).map_err(|error| Failure::input(path, &error.to_string()))?;
    Ok(line)
}

/// The writer's key; made and stored when there is none.
fn keys(path: &PathBuf, machine: &Machine) -> Result<WriterKeys, Failure> {
    match fs::File::open(path) {
        Ok(mut file) => {
            require_private(&file, &clean(&path.display().to_string()))?;
            let mut bytes = Zeroizing::new(Vec::with_capacity(64));
            file.read_to_end(&mut bytes).map_err(|error| Failure::input(path, &error.to_string()))?;
            WriterKeys::from_bytes(&bytes).ok_or_else(|| Failure::input(path, "it is no writer's key"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let keys = WriterKeys::generate(&mut SystemRng(machine));
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(|error| Failure::output(folder, &error))?;
            }
            let mut target = Target::begin(path, false)?;
            target.write(&keys.to_bytes()).map_err(|error| Failure::output(path, &error))?;
            target.finish()?;
            Ok(keys)
        }
        Err(error) => Err(Failure::input(path, &error.to_string())),
    }
}
