//! Files, passphrases, homes, and several processes at once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{World, said};

#[test]
fn from_add_to_export() {
    let world = World::start();
    let letter = world.file("letter.txt", "Dear reader");
    let table = world.file("expenses.csv", "item;shop\nbread;baker\nmilk;market\n");
    let added = world.events(&["add", letter.to_str().unwrap(), table.to_str().unwrap(), "--tag", "home"]);
    let kinds: Vec<&str> = added.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "table"]);
    let id = added[0]["record"].as_str().unwrap();

    assert_eq!(world.glimpse(&["show", id]).stdout, b"Dear reader");
    let new = world.file("new.txt", "Dear readers");
    assert_eq!(world.events(&["put", id, new.to_str().unwrap()])[0]["version"], 2);
    let out = world.path("out.txt");
    assert!(world.glimpse(&["show", id, "-o", out.to_str().unwrap()]).status.success());
    assert_eq!(fs::read(&out).unwrap(), b"Dear readers");
    // What is there is not replaced unless that is meant.
    let again = world.glimpse(&["show", id, "-o", out.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(9), "{}", said(&again));
    assert!(world.glimpse(&["show", id, "-o", out.to_str().unwrap(), "--force"]).status.success());

    let folder = world.path("exported");
    assert!(world.glimpse(&["export", folder.to_str().unwrap()]).status.success());
    let list: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(folder.join("records.json")).unwrap()).unwrap();
    assert_eq!(list.len(), 2);
    for record in &list {
        let content = fs::read(folder.join(record["file"].as_str().unwrap())).unwrap();
        assert_eq!(content.len() as u64, record["bytes"].as_u64().unwrap());
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);

    // Nothing is deleted unasked.
    assert_eq!(world.glimpse(&["rm", id]).status.code(), Some(2));
    assert_eq!(world.events(&["rm", id, "--yes"])[0]["event"], "removed");
    assert_eq!(world.listed().len(), 1);
    assert_eq!(world.glimpse(&["show", id]).status.code(), Some(4));
    assert_eq!(world.events(&["account", "delete", "--yes"])[0]["event"], "deleted");
    assert_eq!(world.glimpse(&["ls"]).status.code(), Some(3));
}

#[test]
fn an_interrupt_leaves_no_half_file() {
    let world = World::start();
    let id = world.add(&world.file("large.bin", vec![7; 48_000_000]));
    let folder = world.path("saved");
    fs::create_dir(&folder).unwrap();
    let there = || fs::read_dir(&folder).unwrap().count();
    let out = folder.join("out.bin");
    let mut showing = world.command(&["show", &id, "-o", out.to_str().unwrap()]).spawn().unwrap();
    while there() == 0 {
        assert!(showing.try_wait().unwrap().is_none(), "control: it has begun a file before it ends");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&showing), Signal::INT).unwrap();
    assert_eq!(showing.wait().unwrap().code(), Some(130));
    assert_eq!(there(), 0);
}

#[test]
fn an_export_that_could_not_begin_makes_no_folder() {
    let mut world = World::start();
    world.add(&world.file("letter.txt", "Dear reader"));
    let folder = world.path("exported");
    let mut export = world.command(&["export", folder.to_str().unwrap()]);
    world.stopped(|_| {
        assert_eq!(export.output().unwrap().status.code(), Some(5));
        assert!(!folder.exists());
    });
    assert!(export.output().unwrap().status.success(), "the same once more");
}

#[test]
fn one_tampered_record_keeps_none_of_the_others_from_an_export_or_a_pipe() {
    let world = World::start();
    world.add(&world.file("good.txt", "good"));
    // Large enough to be lent by its key, and the server changes its last chunk.
    let blobs = world.server.data().join("blobs");
    let before: Vec<_> = fs::read_dir(&blobs).unwrap().map(|blob| blob.unwrap().path()).collect();
    let bad = world.add(&world.file("bad.bin", vec![7; 17_000_000]));
    assert_eq!(world.glimpse(&["show", &bad]).stdout.len(), 17_000_000, "control");
    let blob =
        fs::read_dir(&blobs).unwrap().map(|blob| blob.unwrap().path()).find(|blob| !before.contains(blob)).unwrap();
    let mut sealed = fs::read(&blob).unwrap();
    let last = sealed.len() - 100;
    sealed[last] ^= 1;
    fs::write(&blob, sealed).unwrap();
    world.add(&world.file("other.txt", "other"));

    let folder = world.path("exported");
    let output = world.glimpse(&["export", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(8), "{}", said(&output));
    let list: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(folder.join("records.json")).unwrap()).unwrap();
    let titles: Vec<&str> = list.iter().map(|record| record["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["other", "good"]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "nothing of what does not open");
    // Not a byte of it goes into a pipe.
    let shown = world.glimpse(&["show", &bad]);
    assert_eq!((shown.stdout.len(), shown.status.code()), (0, Some(8)));
}

#[test]
fn hostile_file_names_do_nothing() {
    let world = World::start();
    for name in
        ["\x1b[2J\x1b]0;owned\x07.txt", "two\nlines.txt", "in\u{202E}fdp.exe", "-rf", " .. ", "..\\..\\x", "nul"]
    {
        let path = world.file(name, "harmless");
        world.add(&path);
    }
    let shown = world.glimpse(&["ls"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(text.lines().count(), 7, "one line each: {text:?}");
    assert!(!text.contains(['\x1b', '\u{7}', '\u{202E}']), "{text:?}");
    let folder = world.path("exported");
    assert!(world.glimpse(&["export", folder.to_str().unwrap()]).status.success());
    // All of them, and the list, in that folder and nowhere else.
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 8);
    let missing = world.glimpse(&["add", world.path("\x1b[31mgone").to_str().unwrap()]);
    assert!(!said(&missing).contains('\x1b'), "{}", said(&missing));
}

#[test]
fn what_cannot_be_read_or_is_too_large_keeps_nothing_else_out() {
    let world = World::empty(|settings| settings.limits.content_bytes = 1_000_000);
    assert!(world.glimpse(&["account", "create"]).status.success());
    let good = world.file("good.txt", "good");
    let large = world.file("large.bin", vec![0; 2_000_000]);
    let folder = world.path("folder");
    fs::create_dir(&folder).unwrap();
    let pipe = world.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let paths = [&large, &folder, &pipe, &world.path("missing"), &good].map(|path| path.to_str().unwrap().to_owned());
    let arguments: Vec<&str> = ["add"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let output = world.glimpse(&arguments);
    assert_eq!(output.status.code(), Some(9), "{}", said(&output));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.matches("error:").count(), 4, "{errors}");
    // Two lines each: what happened, what to do.
    assert_eq!(errors.lines().count(), 8, "{errors}");
    assert_eq!(world.listed().len(), 1);
    let events = world.events(&arguments);
    assert_eq!(events.iter().filter(|event| event["event"] == "error" && event["file"].is_string()).count(), 4);
    assert_eq!(events[0]["code"], "too-large");
}

#[test]
fn passphrases() {
    let world = World::start();
    let file = world.path("passphrase");
    for mode in [0o640, 0o604, 0o644, 0o666] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let refused = world.glimpse(&["ls"]);
        assert_eq!(refused.status.code(), Some(3), "{mode:o}");
        assert!(said(&refused).contains("chmod 600"), "{}", said(&refused));
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(world.glimpse(&["ls"]).status.success(), "control: only its owner");
    fs::remove_file(&file).unwrap();
    for (content, code) in [("wrong\n", 3), ("", 3), ("\n", 3), ("two\nlines\n", 3), ("correct horse battery", 0)] {
        world.secret("passphrase", content);
        let output = world.glimpse(&["ls"]);
        assert_eq!(output.status.code(), Some(code), "{content:?}: {}", said(&output));
    }
    let short = world.secret("short", "seven77");
    let new = world.secret("new", "another horse battery");
    let change = |file: &std::path::Path| {
        world.glimpse(&["passphrase", "change", "--new-passphrase-file", file.to_str().unwrap()]).status.code()
    };
    assert_eq!(change(&short), Some(3));
    assert_eq!(change(&new), Some(0));
    assert_eq!(world.glimpse(&["ls"]).status.code(), Some(3), "the old one opens nothing");
    world.secret("passphrase", "another horse battery");
    assert!(world.glimpse(&["ls"]).status.success());
    // The keys are nowhere in clear, and for their owner only.
    let keys = world.home.join("keys.cbor");
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&world.home).unwrap().permissions().mode() & 0o777, 0o700);
    // A damaged file of keys is an error, not a panic.
    fs::write(&keys, b"garbage").unwrap();
    assert_eq!(world.glimpse(&["ls"]).status.code(), Some(3));
}

#[test]
fn several_processes_in_one_home() {
    let world = World::start();
    let running: Vec<_> = (0..6)
        .map(|number| {
            let path = world.file(&format!("note {number}.txt"), format!("note {number}"));
            let mut command = world.command(&["add", path.to_str().unwrap()]);
            let listing = world.command(&["ls"]).stdout(Stdio::null()).spawn().unwrap();
            [command.stdout(Stdio::null()).spawn().unwrap(), listing]
        })
        .collect();
    for mut child in running.into_iter().flatten() {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(world.listed().len(), 6);
    // Only one of two founds an account.
    let home = world.path("new home");
    let mut founding: Vec<_> = (0..2)
        .map(|_| {
            let mut command = world.bare(&["account", "create"]);
            command.env("GLIMPSE_HOME", &home).env("GLIMPSE_SERVER", world.server.url());
            command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let codes: Vec<_> = founding.iter_mut().map(|child| child.wait().unwrap().code()).collect();
    assert!(codes == [Some(0), Some(1)] || codes == [Some(1), Some(0)], "{codes:?}");
}

/// Bytes of the files in a folder.
fn size(folder: &std::path::Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

#[test]
fn a_process_that_is_killed_while_it_adds_leaves_nothing_half_done() {
    let world = World::start();
    let large = world.file("large.bin", vec![7; 12_000_000]);
    let mut whole = 0;
    // Killed as soon as so many bytes have arrived at the server, of twelve million.
    for arrived in [0u64, 1, 2_000_000, 6_000_000, 12_000_000] {
        let before = size(&world.server.data().join("blobs"));
        let mut child = world
            .command(&["add", large.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none() && size(&world.server.data().join("blobs")) < before + arrived {
            std::thread::yield_now();
        }
        let _gone = child.kill();
        child.wait().unwrap();
        let listed = world.listed();
        assert!(listed.len() == whole || listed.len() == whole + 1, "{listed:?}");
        whole = listed.len();
    }
    // What is there is whole, and the home is as good as before.
    for record in world.listed() {
        let shown = world.glimpse(&["show", record["record"].as_str().unwrap()]);
        assert_eq!(shown.stdout.len(), 12_000_000);
    }
    world.add(&large);
    assert_eq!(world.listed().len(), whole + 1);
}

#[test]
fn usage_and_completions() {
    let world = World::empty(|_| {});
    let none = world.glimpse(&["ls"]);
    assert_eq!(none.status.code(), Some(3));
    assert!(said(&none).contains("glimpse account create"));
    assert_eq!(world.glimpse(&["explode"]).status.code(), Some(2));
    // Programs are told as of every other failure.
    for line in [&["explode"][..], &["ls", "--kind", "poem"], &["chain", "pin", "Clinic"]] {
        assert_eq!(world.here().refusal(line), ("usage".to_owned(), 2), "{line:?}");
    }
    let (help, none) = (world.glimpse(&["--json", "--help"]), world.glimpse(&[]));
    assert!(help.status.success() && said(&help).contains("Usage:"));
    assert!(said(&none).contains("Lend a short look") && none.status.code() == Some(2), "{none:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(said(&world.glimpse(&["completions", shell])).contains("lend"), "{shell}");
    }
    for server in ["http://glimpse.example", "glimpse.example", "https://glimpse.example/path", ""] {
        let refused = world.bare(&["--server", server, "account", "create"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{server}: {}", said(&refused));
    }
    let away = world.bare(&["--server", "http://127.0.0.1:9", "account", "create"]).output().unwrap();
    assert_eq!(away.status.code(), Some(5), "{}", said(&away));
    assert!(!world.home.join("keys.cbor").exists(), "no keys for a server that is not there");
}
