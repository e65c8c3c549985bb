//! More than one device, and none: what the README tells a newcomer, with the real programs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use e2e::device::{Device, field, is};
use e2e::record::SECRET;
use e2e::stage::Stage;
use serde_json::{Value, json};

use crate::blindness::{blind_to, everything, forms};

const SECOND: &str = "The dog is called Barnabas.";

/// The kinds of the notices in an inbox.
async fn notices(device: &Device) -> Result<Vec<Value>> {
    let told = device.run(&["inbox"]).await?;
    Ok(told.into_iter().filter(|event| is(event, "notice")).collect())
}

fn kinds(notices: &[Value]) -> Vec<&str> {
    notices.iter().filter_map(|notice| notice.get("kind").and_then(Value::as_str)).collect()
}

/// Writes the pages of a kit as files of one share each, as somebody would type them from paper, and returns them.
fn pages(kit: &Path) -> Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string(kit)?;
    let mut files = Vec::new();
    for (place, page) in text.split('\u{C}').enumerate() {
        let letters = page.find("GLIMPSE-KIT-1:").and_then(|at| page.get(at..)).context("no letters")?;
        let file = kit.with_file_name(format!("share-{place}"));
        std::fs::write(&file, letters)?;
        files.push(file);
    }
    Ok(files)
}

/// The words of a page, without what stands around them.
fn words(page: &str) -> Vec<&str> {
    let numbered = page.split_whitespace().skip_while(|word| *word != "1.");
    numbered.filter(|word| word.chars().all(|letter| letter.is_ascii_lowercase())).take(32).collect()
}

#[tokio::test]
async fn a_newcomer_links_a_second_device_takes_it_out_and_comes_back_with_the_kit() -> Result<()> {
    let stage = Stage::behind(std::sync::Arc::new(e2e::proxy::Honest)).await?;
    let phone = &stage.device;
    let first = phone.add_bytes("first-note.txt", SECRET).await?;

    // More than one device: both read, both write.
    let tablet = Device::blank(&stage.url()).await?;
    let linked = phone.link(&tablet, &["--name", "Tabletissimo", "--serial", "SN-4711-0815"]).await?;
    let text = |shown: &[Value]| field(shown.first().context("nothing is shown")?, "text");
    assert_eq!(text(&tablet.run(&["show", &first]).await?)?, SECRET);
    let second = tablet.add_bytes("second-note.txt", SECOND).await?;
    assert_eq!(text(&phone.run(&["show", &second]).await?)?, SECOND);
    let third = Device::blank(&stage.url()).await?;
    let added = tablet.link(&third, &["--name", "Innocentia"]).await?;
    let told = notices(phone).await?;
    assert_eq!(kinds(&told), ["linked"], "{told:?}");
    assert_eq!(told[0].get("devices"), Some(&json!([added.device])));
    let names: Vec<String> =
        phone.run(&["devices"]).await?.iter().map(|device| field(device, "name")).collect::<Result<_>>()?;
    assert!(
        names.len() == 3 && ["Tabletissimo", "Innocentia"].iter().all(|name| names.contains(&(*name).to_owned())),
        "{names:?}"
    );

    // Taken out: what it lends ends on the screen of the one who looks.
    let mut lending = tablet.lend(&["--everything"]).await?;
    stage.browser.enter(&stage.url(), &lending.code).await?;
    let shown = stage.browser.words().await?;
    lending.approve(&shown).await?;
    stage.browser.open("first-note").await?;
    stage.browser.reads(SECRET).await.context("control: the session runs")?;
    phone.run(&["revoke", "Tabletissimo", "--yes"]).await?;
    assert_eq!(stage.browser.reason().await?, "session-revoked");
    assert!(!stage.browser.text().await?.contains(SECRET));
    assert_eq!(field(&lending.event_last().await?, "code")?, "session-revoked");
    assert_eq!(tablet.refused(&["show", &first]).await?, "device-revoked");
    let told = notices(&third).await?;
    assert_eq!(kinds(&told), ["revoked"], "{told:?}");
    assert_eq!(text(&third.run(&["show", &second]).await?)?, SECOND, "control: who was not taken out reads on");

    // The same machine again is recognised.
    let again = Device::blank(&stage.url()).await?;
    let back = phone.link(&again, &["--name", "Returnia", "--serial", "SN-4711-0815"]).await?;
    assert_eq!(back.asked.get("same_machine"), Some(&json!([linked.device])));

    // When every device is gone.
    let kit = phone.folder().join("kit.txt");
    let made = phone.run(&["recovery", "create", "--out", &kit.display().to_string()]).await?;
    assert!(made.iter().any(|event| is(event, "kit")), "{made:?}");
    let shares = pages(&kit)?;
    assert_eq!(shares.len(), 3);
    let paper = std::fs::read_to_string(&kit)?;
    let typed = words(paper.split('\u{C}').nth(2).context("a third page")?).join(" ");
    let by_words = kit.with_file_name("by-words");
    std::fs::write(&by_words, &typed)?;

    let fresh = Device::blank(&stage.url()).await?;
    let next = fresh.folder().join("next.txt").display().to_string();
    let (one, two) = (shares[0].display().to_string(), by_words.display().to_string());
    let restore = |share: &[&str]| -> Vec<String> {
        let shares = share.iter().flat_map(|share| ["--share", share]);
        ["recovery", "restore", "--out", &next, "--name", "Phoenixine"]
            .into_iter()
            .chain(shares)
            .map(str::to_owned)
            .collect()
    };
    let alone = restore(&[&one]);
    let alone = fresh.attempt(&alone.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let said = String::from_utf8_lossy(&alone.stdout).into_owned();
    assert!(!alone.status.success() && said.contains("1 share of this kit is missing."), "one page is too few: {said}");
    let both = restore(&[&one, &two]);
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    let restored = fresh.run(&both).await?;
    assert!(restored.iter().any(|event| is(event, "recovered")), "{restored:?}");
    assert_eq!(text(&fresh.run(&["show", &first]).await?)?, SECRET);
    assert_eq!(text(&fresh.run(&["show", &second]).await?)?, SECOND);
    assert_eq!(pages(Path::new(&next))?.len(), 3, "the kit that follows");

    // The others are out, and are told.
    for old in [phone, &third, &again] {
        assert_eq!(old.refused(&["show", &first]).await?, "device-revoked");
        let output = old.attempt(&["inbox"]).await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("recovered"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    // The kit is used up.
    let late = Device::blank(&stage.url()).await?;
    assert_eq!(
        late.refused(&both.iter().map(|word| if *word == next { "late.txt" } else { word }).collect::<Vec<_>>())
            .await?,
        "not-found"
    );

    let digits: String = linked.code.chars().filter(char::is_ascii_digit).collect();
    let letters = std::fs::read_to_string(&shares[0])?;
    let secrets = [
        forms("content", SECRET.as_bytes()),
        forms("content by the second device", SECOND.as_bytes()),
        forms("title", b"first-note"),
        forms("title by the second device", b"second-note"),
        forms("name of the second device", b"Tabletissimo"),
        forms("name of the third device", b"Innocentia"),
        forms("name of the fourth device", b"Returnia"),
        forms("name of the restored device", b"Phoenixine"),
        forms("serial number", b"SN-4711-0815"),
        forms("linking code as shown", linked.code.as_bytes()),
        forms("linking code as digits", digits.as_bytes()),
        forms("secret of the linking code", digits.get(3..15).context("a code")?.as_bytes()),
        forms("a share in letters", letters.trim_start_matches("GLIMPSE-KIT-1:").trim().as_bytes()),
        forms("a share in words", typed.as_bytes()),
        forms("the value of a share", share_value(&letters)?.get(8..40).context("a share")?),
        forms("passphrase", b"four walls and a door"),
    ]
    .concat();
    let all = everything(&stage)?;
    blind_to(&all, &secrets)?;
    let id = forms("id of the second device", &base64(&linked.device)?);
    assert!(blind_to(&all, &id).is_err(), "control: the id of a device is found by the same search");
    Ok(())
}

/// The bytes of a share, from its letters: RFC 4648 base32.
fn share_value(letters: &str) -> Result<Vec<u8>> {
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0_u32);
    for letter in letters.trim_start_matches("GLIMPSE-KIT-1:").trim().chars() {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".chars().zip(0_u32..).find(|(known, _)| *known == letter);
        buffer = buffer << 5 | value.context("base32")?.1;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff)?);
        }
        buffer &= (1 << bits) - 1;
    }
    Ok(bytes)
}

fn base64(id: &str) -> Result<Vec<u8>> {
    use base64ct::Encoding as _;
    base64ct::Base64UrlUnpadded::decode_vec(id).map_err(|_| anyhow::anyhow!("an id"))
}
