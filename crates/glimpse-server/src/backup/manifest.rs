//! What a copy consists of: `manifest.json` names each file with its size and SHA-256.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use glimpse_wire::UnixMillis;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{BackupError, folders};
use crate::store::file_name;

/// The file that makes a folder a backup.
pub(super) const NAME: &str = "manifest.json";
const FORMAT: u32 = 1;
/// A manifest takes some 150 bytes for each blob: room for some millions of them.
const MAX_MANIFEST: u64 = 1 << 30;
/// Bytes that are copied at one time.
const PIECE: usize = 256 * 1024;

/// Which of the two copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// `main.db` and `blobs/`.
    Main,
    /// `shares.db`.
    Shares,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    pub(super) kind: Kind,
    /// When the copy was begun, by the machine's clock.
    pub(super) made: UnixMillis,
    pub(super) files: Vec<Entry>,
}

/// One file of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Its path in the copy and in the data folder: `main.db`, `shares.db`, `blobs/<32 hex digits>`.
    pub(super) path: String,
    size: u64,
    /// In hex.
    sha256: String,
}

impl Manifest {
    pub(super) const fn new(kind: Kind, made: UnixMillis) -> Self {
        Self { format: FORMAT, kind, made, files: Vec::new() }
    }

    /// Takes in a file that is in the copy already, closed to others and on disk from here on.
    pub(super) fn add(&mut self, copy: &Path, path: &str) -> Result<(), BackupError> {
        let file = copy.join(path);
        let digested = File::open(&file).and_then(|file| digest_of(file, &mut std::io::sink()));
        let (size, sha256) = digested.map_err(BackupError::io(&file))?;
        folders::settle(&file)?;
        self.files.push(Entry { path: path.to_owned(), size, sha256 });
        Ok(())
    }

    /// Copies a file from the data folder; whether it is there.
    pub(super) fn copy(&mut self, data: &Path, copy: &Path, path: &str) -> Result<bool, BackupError> {
        let (from, to) = (data.join(path), copy.join(path));
        let Some(source) = opened(&from).map_err(BackupError::io(&from))? else { return Ok(false) };
        let (size, sha256) = copied(source, &to).map_err(BackupError::io(&to))?;
        self.files.push(Entry { path: path.to_owned(), size, sha256 });
        Ok(true)
    }

    /// Writes the manifest, the last of a copy.
    pub(super) fn write(&self, copy: &Path) -> Result<(), BackupError> {
        let path = copy.join(NAME);
        let failed = BackupError::io(&path);
        let written = serde_json::to_vec_pretty(self).map_err(std::io::Error::other).and_then(|text| {
            let mut file = created(&path)?;
            file.write_all(&text)?;
            file.sync_all()
        });
        written.map_err(failed)
    }

    /// Reads a manifest: nothing where there is none, or what is there is not one of this format for files of a copy.
    pub(super) fn read(copy: &Path) -> std::io::Result<Option<Self>> {
        let Some(file) = opened(&copy.join(NAME))? else { return Ok(None) };
        let mut text = Vec::new();
        file.take(MAX_MANIFEST).read_to_end(&mut text)?;
        let manifest = serde_json::from_slice::<Self>(&text).ok();
        Ok(manifest.filter(|manifest| manifest.format == FORMAT && manifest.names_its_files()))
    }

    /// Whether each file is one that such a copy has: a path from elsewhere would be written to.
    fn names_its_files(&self) -> bool {
        let database = match self.kind {
            Kind::Main => "main.db",
            Kind::Shares => "shares.db",
        };
        let is_blob = |path: &str| {
            let name = path.strip_prefix("blobs/").unwrap_or_default();
            self.kind == Kind::Main
                && name.len() == 32
                && name.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        };
        let (databases, rest): (Vec<&str>, Vec<&str>) =
            self.files.iter().map(|entry| entry.path.as_str()).partition(|path| *path == database);
        databases.len() == 1 && rest.into_iter().all(is_blob)
    }
}

/// What became of a file that was to be copied out of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Whole,
    Missing,
    Altered,
}

impl Entry {
    /// Copies the file out of a backup, and says whether it is what the manifest says.
    pub(super) fn copy_out(&self, copy: &Path, to: &Path) -> std::io::Result<Outcome> {
        let Some(source) = opened(&copy.join(&self.path))? else { return Ok(Outcome::Missing) };
        let (size, sha256) = copied(source, &to.join(&self.path))?;
        Ok(if size == self.size && sha256 == self.sha256 { Outcome::Whole } else { Outcome::Altered })
    }
}

/// A new file, for the owner alone.
fn created(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// A file, if it is there.
fn opened(path: &Path) -> std::io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Copies a file, on disk when this returns; its size and SHA-256.
fn copied(source: File, to: &Path) -> std::io::Result<(u64, String)> {
    let mut target = created(to)?;
    let facts = digest_of(source, &mut target)?;
    target.sync_all()?;
    Ok(facts)
}

fn digest_of(mut source: File, into: &mut impl std::io::Write) -> std::io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut size = 0u64;
    let mut piece = vec![0; PIECE];
    loop {
        let read = source.read(&mut piece)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok((size, file_name(&hash.finalize())));
        };
        hash.update(bytes);
        into.write_all(bytes)?;
        size = size.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
}
