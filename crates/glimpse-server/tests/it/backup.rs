//! Copies of the data, made while the server works, and what comes of them in an empty folder.

use glimpse_server::test_server::{ScratchFolder, TestServer};
use glimpse_server::{
    BackedUp, BackupError, BackupPlan, KeyFile, RestoreError, Restored, Settings, StartError, SystemClock,
};
use glimpse_wire::api::Share;
use glimpse_wire::record::Change;
use glimpse_wire::*;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::actors::{Phone, Version, opened, unit};
use crate::leftovers::files_with;

fn settings(server: &TestServer) -> Settings {
    Settings { data: server.data().to_owned(), key_file: server.folder().join("glimpse.key"), ..Settings::default() }
}

fn plan(folder: &Path) -> BackupPlan {
    BackupPlan { to: folder.join("long"), shares_to: folder.join("short"), keep: 3, keep_shares: 1 }
}

pub(crate) async fn backed_up(server: &TestServer, folder: &Path) -> BackedUp {
    glimpse_server::backup(&settings(server), &plan(folder), &SystemClock::new()).await.expect("a backup")
}

/// Loses the data folder, but for the signing key, which an operator keeps apart.
fn lose(server: &TestServer) {
    std::fs::rename(server.data().join("signing-key"), server.folder().join("signing-key")).expect("kept apart");
    std::fs::remove_dir_all(server.data()).expect("lost");
}

/// Puts the signing key into the folder that was restored.
fn put_back(server: &TestServer) {
    std::fs::rename(server.folder().join("signing-key"), server.data().join("signing-key")).expect("put back");
}

/// Loses the data folder and restores it, with the signing key that was kept apart; the server runs on it again.
pub(crate) async fn restored(server: &mut TestServer, made: &BackedUp) -> Restored {
    server.stop().await;
    lose(server);
    let restored = glimpse_server::restore(&settings(server), &made.main, &made.shares).await.expect("restored");
    put_back(server);
    server.resume().await.expect("it starts on what was restored");
    restored
}

async fn opens(phone: &Phone, version: &Version) -> bool {
    let path = format!("/v1/contents/{}", version.envelope.header.h0());
    let content = phone.http.get(&path).await;
    let share = phone.release(version).await;
    content.status.is_success()
        && content.body == version.content
        && share.status.is_success()
        && share.json::<Share>() == version.share
}

fn listed(changes: &[Change], version: &Version) -> bool {
    changes.iter().any(
        |change| matches!(change, Change::Version { envelope, .. } if envelope.as_slice() == version.envelope.to_bytes()),
    )
}

/// Every file below a folder, with its mode.
fn below(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let mode = entry.metadata().expect("facts").permissions().mode() & 0o777;
        found.push((entry.path(), mode));
        if entry.path().is_dir() {
            found.extend(below(&entry.path()));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_before_a_backup_opens_after_it_though_writes_went_on() {
    let mut server = TestServer::start_with(Arc::new(SystemClock::new()), |settings| {
        settings.limits.requests_per_address = 1_000_000;
        settings.limits.mints_per_signer = 1_000_000;
        settings.limits.releases_per_device = 1_000_000;
    })
    .await;
    let phone = Arc::new(Phone::new(&server).await);
    let mut before = Vec::new();
    for _ in 0..6 {
        before.push(phone.add(100_000).await);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writing: Vec<_> = (0..3)
        .map(|_| {
            let (phone, stop) = (Arc::clone(&phone), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    phone.add(70_000).await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let folder = ScratchFolder::new().expect("a folder");
    let mut made = backed_up(&server, folder.path()).await;
    for _ in 0..3 {
        // What is written while one is made is in the next.
        before.push(phone.add(1_000).await);
        made = backed_up(&server, folder.path()).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut meanwhile = 0;
    for task in writing {
        meanwhile += task.await.expect("writes");
    }
    assert!(meanwhile > 0, "control: writes went on");
    let after = phone.add(1_000).await;
    let restored = restored(&mut server, &made).await;
    assert_eq!(restored.lost, []);
    for version in &before {
        assert!(opens(&phone, version).await);
    }
    // Each record that is listed is whole, those that were published during the backup as well.
    let (mut changes, mut page) = (Vec::new(), phone.list(0).await);
    changes.append(&mut page.changes);
    while page.more {
        page = phone.list(page.next).await;
        changes.append(&mut page.changes);
    }
    assert_eq!(u64::try_from(changes.len()).expect("few"), restored.records);
    for change in &changes {
        let Change::Version { envelope, .. } = change else { panic!("{change:?}") };
        let envelope = glimpse_wire::record::Envelope::parse(envelope.as_slice()).expect("an envelope");
        let path = format!("/v1/contents/{}", envelope.header.h0());
        assert!(phone.http.get(&path).await.status.is_success());
    }
    assert!(!listed(&changes, &after) && !opens(&phone, &after).await, "control: what came after is not there");
    // The account goes on from there.
    assert!(opens(&phone, &phone.add(500).await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_whose_r_is_in_no_copy_is_gone_for_good_and_counted() {
    let mut server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let (kept, deleted) = (phone.add(5_000).await, phone.add(5_000).await);
    let folder = ScratchFolder::new().expect("a folder");
    let first = backed_up(&server, folder.path()).await;
    phone.delete(&deleted).await.ok();
    let later = phone.add(3_000).await;
    let second = backed_up(&server, folder.path()).await;
    assert!(!first.shares.exists() && first.main.exists(), "one copy of the shares stays, three of the rest");
    // The old copy still holds the ciphertext: what makes it useless is that r is in no copy any more.
    assert!(!files_with(&first.main, &deleted.content[..32]).is_empty(), "control");
    let old = BackedUp { shares: second.shares.clone(), ..first };
    let restored = restored(&mut server, &old).await;
    let header = &deleted.envelope.header;
    let lost = glimpse_server::Lost { account: header.account, record: header.record, version: 1 };
    assert_eq!((restored.lost.as_slice(), restored.records), ([lost].as_slice(), 1));
    assert_eq!(restored.unused, 1, "r of what was published after the copy of main.db is erased");
    assert!(opens(&phone, &kept).await, "control");
    assert_eq!(phone.release(&deleted).await.code(), ErrorCode::NotFound, "it is listed, and does not open");
    assert!(listed(&phone.list(0).await.changes, &deleted));
    assert_eq!(phone.release(&later).await.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_backup_holds_no_session_no_key_and_nothing_that_others_may_read() {
    let server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    phone.add(2_000).await;
    let (id, listed) = unit();
    let visit = phone.lend(vec![listed], |_| {}).await;
    phone.seal_unit(&visit, id, 10).await;
    opened(&visit.open(id, 1).await);
    let folder = ScratchFolder::new().expect("a folder");
    let made = backed_up(&server, folder.path()).await;
    let names: Vec<String> = below(folder.path())
        .iter()
        .map(|(path, _)| path.strip_prefix(folder.path()).expect("below").display().to_string())
        .collect();
    assert!(names.iter().all(|name| !name.contains("session") && !name.ends_with("-wal")), "{names:?}");
    assert!(names.iter().any(|name| name.ends_with("main.db")) && names.iter().any(|name| name.ends_with("shares.db")));
    for (path, mode) in below(&made.main).into_iter().chain(below(&made.shares)) {
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
    // Neither the key nor the live session's id, in any file; the trail of receipts names the session, as it must.
    let key = std::fs::read_to_string(server.folder().join("glimpse.key")).expect("a key");
    let digits = key.split_whitespace().nth(1).expect("digits");
    let digit = |digit: u8| char::from(digit).to_digit(16).expect("hex") as u8;
    let raw: Vec<u8> = digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    assert!(files_with(folder.path(), &raw).is_empty() && files_with(folder.path(), digits.as_bytes()).is_empty());
    assert!(!files_with(server.folder(), digits.as_bytes()).is_empty(), "control: the search finds it where it is");
    // r is in the one copy alone.
    let in_main = files_with(&made.main, b"record_shares");
    assert!(in_main.is_empty() && !files_with(&made.shares, b"record_shares").is_empty(), "{in_main:?}");
}

#[tokio::test]
async fn copies_that_lie_together_in_the_data_or_beside_the_key_are_refused() {
    let server = TestServer::start().await;
    let folder = ScratchFolder::new().expect("a folder");
    let at = |path: &Path| path.to_owned();
    let run = async |to: PathBuf, shares_to: PathBuf| {
        let plan = BackupPlan { to, shares_to, keep: 1, keep_shares: 1 };
        glimpse_server::backup(&settings(&server), &plan, &SystemClock::new()).await
    };
    let (long, short) = (folder.path().join("long"), folder.path().join("short"));
    for (to, shares_to) in
        [(at(&long), at(&long)), (at(&long), long.join("short")), (short.join("long"), at(&short)), {
            std::os::unix::fs::symlink(&long, folder.path().join("link")).expect("a link");
            (at(&long), folder.path().join("link"))
        }]
    {
        assert!(matches!(run(to, shares_to).await, Err(BackupError::Together(_, _))));
    }
    assert!(matches!(run(server.data().join("long"), at(&short)).await, Err(BackupError::InData(_))));
    assert!(matches!(run(at(&long), at(server.data())).await, Err(BackupError::InData(_))));
    let mut beside = settings(&server);
    beside.key_file = folder.path().join("keys/k");
    std::fs::create_dir(folder.path().join("keys")).expect("a folder");
    KeyFile::generate(&beside.key_file).expect("a key");
    let with_key = BackupPlan { to: folder.path().join("keys"), shares_to: at(&short), keep: 1, keep_shares: 1 };
    let refused = glimpse_server::backup(&beside, &with_key, &SystemClock::new()).await;
    assert!(matches!(refused, Err(BackupError::WithKey(_))), "{refused:?}");
    assert!(run(long, short).await.is_ok(), "control");
}

#[tokio::test]
async fn what_is_missing_or_altered_is_named_and_leaves_the_data_folder_empty() {
    let mut server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let record = phone.add(90_000).await;
    let gone = phone.add(90_000).await;
    let folder = ScratchFolder::new().expect("a folder");
    let made = backed_up(&server, folder.path()).await;
    server.stop().await;
    let settings = settings(&server);
    let full = glimpse_server::restore(&settings, &made.main, &made.shares).await;
    assert!(matches!(full, Err(RestoreError::NotEmpty(_))), "{full:?}");
    lose(&server);
    let mixed = glimpse_server::restore(&settings, &made.shares, &made.main).await;
    assert!(matches!(mixed, Err(RestoreError::OtherPart(_))), "{mixed:?}");

    let path_of = |version: &Version| {
        let [name] = &files_with(&made.main, &version.content[..32])[..] else { panic!("one file") };
        let name = Path::new(name).file_name().expect("a name").to_str().expect("hex").to_owned();
        format!("blobs/{name}")
    };
    let blobs = [path_of(&record), path_of(&gone)];
    // A byte of each file, flipped and flipped back.
    for (copy, name) in [(&made.main, "main.db"), (&made.main, blobs[0].as_str()), (&made.shares, "shares.db")] {
        let path = copy.join(name);
        let whole = std::fs::read(&path).expect("a file");
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        std::fs::write(&path, &flipped).expect("written");
        let refused = glimpse_server::restore(&settings, &made.main, &made.shares).await;
        let Err(RestoreError::Damaged { missing, altered }) = refused else { panic!("{name}: {refused:?}") };
        assert_eq!((missing, altered), (vec![], vec![name.to_owned()]));
        std::fs::write(&path, &whole).expect("written");
        let left: Vec<PathBuf> = below(server.data()).into_iter().map(|(path, _)| path).collect();
        assert!(left.iter().all(|path| path.ends_with("lock")), "{left:?}");
    }
    let hidden = folder.path().join("hidden");
    std::fs::rename(made.main.join(&blobs[1]), &hidden).expect("moved");
    let refused = glimpse_server::restore(&settings, &made.main, &made.shares).await;
    let Err(RestoreError::Damaged { missing, altered }) = refused else { panic!("{refused:?}") };
    assert_eq!((missing, altered), (vec![blobs[1].clone()], vec![]));
    std::fs::rename(&hidden, made.main.join(&blobs[1])).expect("moved");

    // A manifest that names a path outside is none.
    let manifest = made.main.join("manifest.json");
    let whole = std::fs::read_to_string(&manifest).expect("a manifest");
    std::fs::write(&manifest, whole.replace(&blobs[0], "../../escaped")).expect("written");
    let refused = glimpse_server::restore(&settings, &made.main, &made.shares).await;
    assert!(matches!(refused, Err(RestoreError::NoBackup(_))), "{refused:?}");
    std::fs::write(&manifest, &whole).expect("written");

    let control = glimpse_server::restore(&settings, &made.main, &made.shares).await.expect("control: whole again");
    assert_eq!((control.lost.len(), control.records), (0, 2));
    put_back(&server);
    server.resume().await.expect("starts");
    assert!(opens(&phone, &record).await && opens(&phone, &gone).await);
}

/// The program with these arguments, over the data and key of a test server that is not its own.
fn program(server: &TestServer, act: &str, arguments: [(&str, &Path); 2]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse-server"));
    command.arg(act).arg("--data").arg(server.data()).arg("--key-file").arg(server.folder().join("glimpse.key"));
    for (name, value) in arguments {
        command.arg(name).arg(value);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

/// Kills the program as soon as `begun` holds; whether it was still at work.
fn killed(mut child: Child, begun: impl Fn() -> bool) -> bool {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !begun() && child.try_wait().expect("asked").is_none() {
        assert!(std::time::Instant::now() < deadline, "it does not begin");
        std::thread::yield_now();
    }
    let at_work = child.try_wait().expect("asked").is_none();
    // It may be gone already.
    let _ = child.kill();
    child.wait().expect("gone");
    at_work
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("ASCII")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t096_a_backup_that_was_killed_is_taken_for_none() {
    let mut server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let mut versions = Vec::new();
    for _ in 0..8 {
        versions.push(phone.add(1_000_000).await);
    }
    let folder = ScratchFolder::new().expect("a folder");
    let (long, short) = (folder.path().join("long"), folder.path().join("short"));
    let unfinished = |name: &String| name.starts_with(".partial-");
    let mut cut = 0;
    for round in 0..8 {
        // Each a little further: the folder, the database, some blobs.
        let begun = || {
            names(&long).iter().filter(|name| unfinished(name)).any(|name| {
                let copy = long.join(name);
                match round {
                    0 => true,
                    1 => copy.join("main.db").exists(),
                    _ => names(&copy.join("blobs")).len() >= round - 1,
                }
            })
        };
        let child = program(&server, "backup", [("--to", &long), ("--shares-to", &short)]);
        let at_work = killed(child, begun);
        for name in names(&long).iter().filter(|name| unfinished(name)) {
            cut += usize::from(at_work);
            let shares = names(&short).first().map_or_else(|| short.clone(), |name| short.join(name));
            let refused = glimpse_server::restore(&settings(&server), &long.join(name), &shares).await;
            assert!(matches!(refused, Err(RestoreError::NoBackup(_))), "{refused:?}");
        }
        for name in names(&long).iter().filter(|name| !name.starts_with('.')) {
            assert!(long.join(name).join("manifest.json").exists(), "what has a name of its own is whole");
        }
    }
    assert!(cut >= 3, "control: the program was killed in the middle {cut} times");
    let done = program(&server, "backup", [("--to", &long), ("--shares-to", &short)]).wait().expect("done");
    assert!(
        done.success() && names(&long).iter().any(|name| !name.starts_with('.')),
        "control: left alone it finishes"
    );
    let made = backed_up(&server, folder.path()).await;
    assert!(names(&long).iter().chain(&names(&short)).all(|name| !unfinished(name)), "what was left is gone");
    assert_eq!(restored(&mut server, &made).await.lost, []);
    for version in &versions {
        assert!(opens(&phone, version).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t096_a_restore_that_was_killed_lets_no_server_start_and_begins_anew() {
    let mut server = TestServer::start().await;
    let phone = Phone::new(&server).await;
    let mut versions = Vec::new();
    for _ in 0..8 {
        versions.push(phone.add(1_000_000).await);
    }
    let folder = ScratchFolder::new().expect("a folder");
    let made = backed_up(&server, folder.path()).await;
    server.stop().await;
    lose(&server);
    let restoring = server.data().join("restoring");
    let mut cut = 0;
    for round in 0..6 {
        let child = program(&server, "restore", [("--from", &made.main), ("--shares-from", &made.shares)]);
        killed(child, || names(&restoring.join("blobs")).len() > round / 2);
        if restoring.exists() {
            cut += 1;
            let refused = server.resume().await;
            assert!(matches!(refused, Err(StartError::Data { .. })), "{refused:?}");
            let again = glimpse_server::restore(&settings(&server), &made.main, &made.shares).await;
            assert_eq!(again.expect("begins anew").records, 8);
            assert!(!restoring.exists());
        }
        if round < 5 {
            std::fs::remove_dir_all(server.data()).expect("lost again");
        }
    }
    assert!(cut >= 3, "control: the program was killed in the middle {cut} times");
    server.stop().await;
    std::fs::remove_dir_all(server.data()).expect("lost again");
    let done =
        program(&server, "restore", [("--from", &made.main), ("--shares-from", &made.shares)]).wait().expect("done");
    assert!(done.success(), "control: left alone it finishes");
    put_back(&server);
    server.resume().await.expect("starts");
    for version in &versions {
        assert!(opens(&phone, version).await);
    }
}
