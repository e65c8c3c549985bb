//! Files in IndexedDB, and locks between tabs.

use futures_util::FutureExt;
use glimpse_device::browser::{Database, Refusal};
use glimpse_device::storage::Storage;
use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::meddling::{
    Until, database_deleted, database_open, database_refused, disk_full, global, locks_requested, part,
    scheduled_by_locks, transactions_seen, without,
};

#[wasm_bindgen_test]
async fn a_file_is_replaced_as_a_whole_and_there_for_every_tab() {
    let files = Database::open("files").await.unwrap();
    assert_eq!(files.read("sub/a").await, Ok(None));
    assert_eq!(files.list("sub").await, Ok(Vec::new()));
    files.write("sub/a", b"one").await.unwrap();
    files.write("sub/a", b"two").await.unwrap();
    for name in ["sub/b", "sub/deep/c", "sub0", "su", "suc/d", "sub"] {
        files.write(name, b"").await.unwrap();
    }
    assert_eq!(files.list("sub").await, Ok(vec!["a".to_owned(), "b".to_owned()]));
    let other = Database::open("files").await.unwrap();
    assert_eq!(other.read("sub/a").await, Ok(Some(b"two".to_vec())));
    assert_eq!(other.read("sub/b").await, Ok(Some(Vec::new())));
    other.remove("sub/a").await.unwrap();
    other.remove("sub/a").await.unwrap();
    assert_eq!(files.read("sub/a").await, Ok(None));
    assert_eq!(Database::open("another").await.unwrap().read("sub/b").await, Ok(None));
}

#[wasm_bindgen_test]
async fn what_is_written_is_on_disk_when_the_future_is_done() {
    let files = Database::open("strict").await.unwrap();
    let seen = Array::new();
    let until = Until::dropped(transactions_seen(&seen));
    files.write("a", b"x").await.unwrap();
    files.remove("a").await.unwrap();
    drop(until);
    let seen: Vec<String> = seen.iter().map(|line| line.as_string().unwrap()).collect();
    assert_eq!(seen, ["readwrite strict", "readwrite strict"]);
}

#[wasm_bindgen_test]
async fn a_lock_keeps_everybody_else_out_until_it_is_dropped() {
    let (ours, theirs) = (Database::open("locked").await.unwrap(), Database::open("locked").await.unwrap());
    let held = ours.lock("listing").await.unwrap();
    let mut waiting = theirs.lock("listing");
    assert!((&mut waiting).now_or_never().is_none());
    // Whoever asked later for a lock that nobody holds has it: the first one had its time.
    drop(theirs.lock("attempts").await.unwrap());
    drop(Database::open("another").await.unwrap().lock("listing").await.unwrap());
    assert!((&mut waiting).now_or_never().is_none(), "a lock was given twice");
    drop(held);
    drop(waiting.await.unwrap());
}

#[wasm_bindgen_test]
async fn a_lock_that_nobody_waits_for_any_more_is_not_kept() {
    let files = Database::open("locked").await.unwrap();
    let held = files.lock("inbox").await.unwrap();
    let mut given_up = files.lock("inbox");
    assert!((&mut given_up).now_or_never().is_none());
    let mut waiting = files.lock("inbox");
    assert!((&mut waiting).now_or_never().is_none());
    drop(given_up);
    drop(held);
    drop(waiting.await.unwrap());
}

/// What fails in that callback, the browser hands to whoever awaits the request: it must not be the executor of tasks.
#[wasm_bindgen_test]
async fn what_grants_a_lock_wakes_nobody_in_the_browsers_callback() {
    let files = Database::open("locked").await.unwrap();
    let seen = Array::new();
    let until = Until::dropped(scheduled_by_locks(&seen));
    drop(files.lock("listing").await.unwrap());
    assert_eq!((seen.length(), seen.get(0)), (1, JsValue::from(0)), "one grant, and nothing was scheduled in it");
    // Control: a callback that wakes somebody is seen.
    let (wake, woken) = futures_channel::oneshot::channel();
    let callback = Closure::once_into_js(move |_lock: JsValue| wake.send(()).unwrap());
    let waiting = async move { woken.await.unwrap() };
    let _requested = locks_requested("control", callback.unchecked_ref());
    waiting.await;
    assert_eq!(seen.get(1), JsValue::from(1));
    drop(until);
}

#[wasm_bindgen_test]
async fn without_locks_there_is_an_error_and_no_pretence() {
    let files = Database::open("locked").await.unwrap();
    let until = Until::dropped(without(&part("navigator"), "locks"));
    let error = files.lock("requests").await.unwrap_err();
    drop(until);
    assert_eq!((error.name.as_str(), error.cause), ("locked/requests", Refusal::NoLocks.to_string()));
    files.lock("requests").await.unwrap();
}

#[wasm_bindgen_test]
async fn a_browser_that_stores_nothing_says_so() {
    let until = Until::dropped(without(&global(), "indexedDB"));
    assert_eq!(Database::open("refused").await.unwrap_err(), Refusal::Forbidden);
    drop(until);
    for name in ["SecurityError", "InvalidStateError"] {
        let until = Until::dropped(database_refused(name));
        assert_eq!(Database::open("refused").await.unwrap_err(), Refusal::Forbidden);
        drop(until);
    }
    Database::open("refused").await.unwrap();
}

#[wasm_bindgen_test]
async fn a_full_disk_is_named_and_leaves_the_old_bytes() {
    let files = Database::open("full").await.unwrap();
    files.write("a", b"old").await.unwrap();
    let until = Until::dropped(disk_full());
    let error = files.write("a", b"new").await.unwrap_err();
    drop(until);
    assert_eq!((error.name.as_str(), error.cause), ("full/a", Refusal::Full.to_string()));
    assert_eq!(files.read("a").await, Ok(Some(b"old".to_vec())));
    files.write("a", b"new").await.unwrap();
    assert_eq!(files.read("a").await, Ok(Some(b"new".to_vec())));
}

#[wasm_bindgen_test]
async fn a_database_that_is_deleted_elsewhere_is_let_go_and_not_made_again() {
    // Control: a page that holds on to its database is in the way.
    let held = database_open("held", 1).await.unwrap();
    assert_eq!(database_deleted("held").await.unwrap(), "blocked");
    drop(held);
    let files = Database::open("deleted").await.unwrap();
    files.write("a", b"x").await.unwrap();
    assert_eq!(database_deleted("deleted").await.unwrap(), "deleted");
    assert_eq!(files.read("a").await.unwrap_err().cause, Refusal::Closed.to_string());
    assert_eq!(files.write("a", b"y").await.unwrap_err().cause, Refusal::Closed.to_string());
    assert_eq!(Database::open("deleted").await.unwrap().read("a").await, Ok(None));
}

#[wasm_bindgen_test]
async fn a_later_versions_database_is_left_alone() {
    database_open("later", 2).await.unwrap();
    assert_eq!(Database::open("later").await.unwrap_err(), Refusal::Later);
}
