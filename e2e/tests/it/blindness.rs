//! The server is blind: a whole story, and then a search of everything that it holds and everything that it said.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use e2e::device::NAME;
use e2e::proxy::{Honest, Proxy, Seen};
use e2e::record::{SECRET, TITLE};
use e2e::scan::occurrences;
use e2e::server::Server;
use e2e::stage::Stage;

/// A secret in the forms in which it could lie about.
pub(crate) fn forms(name: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        (name.to_owned(), bytes.to_vec()),
        (format!("{name} in base64"), Base64::encode_string(bytes).trim_end_matches('=').as_bytes().to_vec()),
        (format!("{name} in base64url"), Base64UrlUnpadded::encode_string(bytes).into_bytes()),
        (format!("{name} in hex"), hex.into_bytes()),
    ]
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

#[tokio::test]
async fn after_a_whole_story_the_server_holds_and_saw_nothing_readable() -> Result<()> {
    let stage = Stage::behind(Arc::new(Honest)).await?;
    let record = stage.device.add_secret().await?;
    stage.device.add_bytes("other.txt", format!("{SECRET} {SECRET}").repeat(500)).await?;
    let mut look = stage.lend(&["--everything"]).await?;
    let words = stage.browser.open(TITLE).await.map(|()| look.lending.code.clone())?;
    stage.browser.reads(SECRET).await?;
    stage.browser.open("other").await?;
    let during = everything(&stage)?;
    look.lending.end().await?;
    stage.browser.reason().await?;
    stage.device.run(&["rm", &record, "--yes"]).await?;
    let after = everything(&stage)?;

    let digits: String = words.chars().filter(char::is_ascii_digit).collect();
    let secrets = [
        forms("content", SECRET.as_bytes()),
        forms("title", TITLE.as_bytes()),
        forms("code as shown", words.as_bytes()),
        forms("code as digits", digits.as_bytes()),
        forms("name of the owner", NAME.as_bytes()),
        forms("passphrase", b"four walls and a door"),
    ]
    .concat();
    blind_to(&during, &secrets)?;
    blind_to(&after, &secrets)?;

    // Control: what the server may hold is found by the same search, in a database, on the wire and in a planted file.
    let bytes = Base64UrlUnpadded::decode_vec(&record).map_err(|_| anyhow::anyhow!("a record id"))?;
    let databases = |all: &[(String, Vec<u8>)], needle: &[u8]| {
        all.iter().filter(|(place, bytes)| place.contains("data") && occurrences(bytes, needle) > 0).count()
    };
    assert!(databases(&during, &bytes) > 0, "control: the id of a record is in the database");
    let wire = during.iter().find(|(place, _)| place == "wire").context("wire")?;
    assert!(occurrences(&wire.1, record.as_bytes()) > 0, "control: and on the wire");
    std::fs::write(stage.server.data().join("planted"), SECRET)?;
    assert_eq!(databases(&everything(&stage)?, SECRET.as_bytes()), 1, "control: a planted sentinel is found");
    Ok(())
}

/// Looks for secrets in all that a server holds and saw.
///
/// # Errors
/// Names the first that is found, and where.
pub(crate) fn blind_to(all: &[(String, Vec<u8>)], secrets: &[(String, Vec<u8>)]) -> Result<()> {
    for (place, bytes) in all {
        for (name, needle) in secrets {
            ensure!(occurrences(bytes, needle) == 0, "{name} is in {place}");
        }
    }
    Ok(())
}

/// Every file of the server, its log, and everything that went over the wire to it and from it, but for the page itself.
pub(crate) fn everything(stage: &Stage) -> Result<Vec<(String, Vec<u8>)>> {
    held_and_seen(&stage.server, stage.proxy.as_ref().context("no proxy")?)
}

/// The same of a server and whatever stands before it.
pub(crate) fn held_and_seen(server: &Server, line: &Proxy) -> Result<Vec<(String, Vec<u8>)>> {
    let mut all = vec![("log".to_owned(), server.log().into_bytes())];
    for file in files_below(server.folder())? {
        all.push((file.display().to_string(), std::fs::read(&file)?));
    }
    let mut wire = Vec::new();
    for seen in line.seen() {
        match seen {
            Seen::Http(asked, answer) => {
                wire.extend(format!("{} {} {:?}\n", asked.method, asked.path, asked.headers).into_bytes());
                wire.extend(asked.body);
                if asked.path.starts_with("/v1/") {
                    wire.extend(answer.body);
                }
            }
            Seen::Opened(_, path) => wire.extend(path.into_bytes()),
            Seen::ToServer(_, frame) | Seen::ToEnd(_, frame) => wire.extend(frame),
        }
        wire.push(b'\n');
    }
    all.push(("wire".to_owned(), wire));
    Ok(all)
}
