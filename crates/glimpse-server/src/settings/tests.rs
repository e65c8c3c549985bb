use super::*;

fn strings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn a_flag_beats_the_environment_and_the_environment_beats_the_default() {
    let environment = strings(&[
        ("GLIMPSE_LISTEN", "127.0.0.1:1"),
        ("GLIMPSE_DATA", "/srv/glimpse"),
        ("GLIMPSE_LIMITS_PAGE", "7"),
        ("GLIMPSE_HOME", "another program's"),
    ]);
    let flags = strings(&[("listen", "127.0.0.1:2"), ("allow_origins", "https://a.example,https://b.example")]);
    let settings = Settings::load(None, environment.into_iter(), &flags).expect("valid");
    assert_eq!(settings.listen.port(), 2);
    assert_eq!(settings.data, Path::new("/srv/glimpse"));
    assert_eq!(settings.limits.page, 7);
    assert_eq!(settings.limits.claims_per_address, Limits::default().claims_per_address);
    assert_eq!(settings.allow_origins, ["https://a.example", "https://b.example"]);
}

#[test]
fn the_environment_beats_the_file_setting_by_setting() {
    let folder = crate::test_server::ScratchFolder::new().expect("a folder");
    let file = folder.path().join("glimpse.toml");
    let text = r#"
        listen = "127.0.0.1:1"
        data = "/srv/file"
        public_origins = ["https://a.example"]
        [limits]
        page = 7
        mailboxes = 5
    "#;
    std::fs::write(&file, text).expect("written");
    let environment = strings(&[("GLIMPSE_DATA", "/srv/environment"), ("GLIMPSE_LIMITS_PAGE", "8")]);
    let flags = strings(&[("limits.page", "9")]);
    let read = |environment: &[(String, String)], flags: &[(String, String)]| {
        Settings::load(Some(&file), environment.iter().cloned(), flags).expect("valid")
    };
    let of_file = read(&[], &[]);
    assert_eq!((of_file.data.as_path(), of_file.limits.page), (Path::new("/srv/file"), 7));
    let settings = read(&environment, &[]);
    assert_eq!((settings.data.as_path(), settings.limits.page), (Path::new("/srv/environment"), 8));
    assert_eq!(read(&environment, &flags).limits.page, 9);
    // What nothing above it names stays as the file says, and what the file does not name as the default.
    assert_eq!((settings.listen.port(), settings.limits.mailboxes), (1, 5));
    assert_eq!(settings.public_origins, ["https://a.example"]);
    assert_eq!(settings.limits.connections, Limits::default().connections);
}

#[test]
fn unknown_names_and_half_a_tls_pair_are_refused() {
    let none = || std::iter::empty::<(String, String)>();
    assert!(Settings::load(None, none(), &strings(&[("limits.pages", "1")])).is_err());
    assert!(Settings::load(None, none(), &strings(&[("tls_cert", "a.pem")])).is_err());
    assert!(Settings::load(None, none(), &strings(&[("allow_origins", "*")])).is_err());
    assert!(Settings::load(None, none(), &strings(&[("tls_cert", "a.pem"), ("tls_key", "b.pem")])).is_ok());
}

#[test]
fn a_push_key_has_somebody_behind_it() {
    let load = |pairs: &[(&str, &str)]| Settings::load(None, std::iter::empty(), &strings(pairs));
    let whole = [("push_key_file", "push.pem"), ("push_contact", "mailto:ops@glimpse.example")];
    assert_eq!(load(&whole).expect("valid").push_contact.as_deref(), Some("mailto:ops@glimpse.example"));
    for bad in [
        [whole[0], ("log_level", "info")],
        [whole[1], ("log_level", "info")],
        [whole[0], ("push_contact", "ops@glimpse.example")],
        [("push_inside", "http://push.lan"), ("log_level", "info")],
        [("push_inside", "https://push.lan/path"), ("log_level", "info")],
        [("limits.pushes_per_device", "0"), ("log_level", "info")],
    ] {
        assert!(load(&bad).is_err(), "{bad:?}");
    }
    let inside = load(&[("push_inside", "https://push.lan:8443,https://10.0.0.1")]).expect("valid").push_inside;
    assert_eq!(inside, ["https://push.lan:8443", "https://10.0.0.1"]);
}

#[test]
fn a_console_is_named_exactly_as_browsers_name_it() {
    let load = |list: &str| Settings::load(None, std::iter::empty(), &strings(&[("embed_origins", list)]));
    let good = "https://console.example,https://console.example:8443,http://localhost:3000,http://127.0.0.1:3000";
    assert_eq!(load(good).expect("valid").embed_origins.len(), 4, "control");
    for bad in [
        "*",
        "https://*",
        "https://*.example",
        "https://console.example/",
        "https://console.example/path",
        "https://Console.example",
        "https://console.example:443",
        "https://user@console.example",
        "https://console.example 'self'",
        "https://console.example;script-src",
        "http://console.example",
        "http://localhost.example",
        "http://127.0.0.1:80",
        "https:",
        "https://",
        "https://:8443",
        "https://console.example:",
        "https://console.example:0x1",
        "https://console.example:99999",
        "https://[::1]",
        "null",
        "data:",
    ] {
        assert!(load(bad).is_err(), "{bad}");
        assert!(load(&format!("https://console.example,{bad}")).is_err(), "{bad}");
    }
}
