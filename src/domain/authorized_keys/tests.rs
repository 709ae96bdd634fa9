//! Key files, byte for byte.

use super::*;
use crate::domain::When;
use crate::domain::ssh_key::{KeyError, PublicSshKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

/// A key of 32 bytes that all are `seed`.
fn key(seed: u8, comment: &str) -> PublicSshKey {
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend([seed; 32]);
    PublicSshKey::parse(&format!("ssh-ed25519 {} {comment}", STANDARD.encode(blob))).unwrap()
}

fn text(seed: u8, comment: &str) -> String {
    String::from_utf8(key(seed, comment).line()).unwrap()
}

fn new(seed: u8) -> NewKey {
    NewKey {
        key: key(seed, "new"),
        restrict: true,
        from: None,
        expires: None,
    }
}

/// One letter for each line: b(lank) c(omment) s(uspended) k(ey) d(isabled key) i(nvalid).
fn kinds(file: &[u8]) -> String {
    AuthorizedKeys::parse(file)
        .lines()
        .map(|(_, line)| match line.kind() {
            LineKind::Blank => 'b',
            LineKind::Comment => 'c',
            LineKind::Suspended(_) => 's',
            LineKind::Key(key) if key.options.is_ok() => 'k',
            LineKind::Key(_) => 'd',
            LineKind::Invalid(_) => 'i',
        })
        .collect()
}

#[test]
fn every_kind_of_line() {
    let k = text(1, "a b");
    for (file, expected) in [
        (String::new(), ""),
        ("\n\r\n \t\n".to_owned(), "bbb"),
        (" # c\n#".to_owned(), "cc"),
        (k.clone(), "k"),
        (format!("\t {k}\r\n"), "k"),
        (k.replace(' ', "\t"), "k"),
        (format!("restrict\t \t{k}\n"), "k"),
        (format!("command=\"a b\",from=\"x\" {k}\n"), "k"),
        (format!("command=\"a \\\" b\" {k}\n"), "k"),
        (format!("nonsense {k}\n"), "d"),
        (format!("command=\"a {k}\n"), "i"),
        ("ssh-ed25519 AAAA\n".to_owned(), "i"),
        ("1024 35 1234567\n".to_owned(), "i"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n".to_owned(), "i"),
        (format!("#{k}\n{k}\n\n{k}"), "ckbk"),
        (format!("\0{k}\n"), "b"),
    ] {
        assert_eq!(kinds(file.as_bytes()), expected, "{file:?}");
    }
    // sshd passes over white space after the key's data.
    let bare = text(1, "");
    assert_eq!(kinds(format!("{}\r\n", bare.trim()).as_bytes()), "k");
}

#[test]
fn says_why_a_line_is_not_taken() {
    let why = |file: &str| match AuthorizedKeys::parse(file.as_bytes())
        .line(1)
        .unwrap()
        .kind()
    {
        LineKind::Invalid(why) => why.clone(),
        kind => panic!("{kind:?}"),
    };
    assert_eq!(why("ssh-rsa AAA"), Invalid::Key(KeyError::Base64));
    assert_eq!(why("restrict ssh-rsa AAA"), Invalid::Key(KeyError::Base64));
    assert_eq!(why("hello"), Invalid::Key(KeyError::Form));
    assert_eq!(why("x b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"), Invalid::Private);
}

#[test]
fn appends_in_the_style_of_the_file() {
    let line = format!("restrict {}", text(9, "new"));
    for (before, after) in [
        ("", format!("{line}\n")),
        ("# a\n", format!("# a\n{line}\n")),
        ("# a", format!("# a\n{line}\n")),
        ("# a\r\n", format!("# a\r\n{line}\r\n")),
        ("# a\r\n# b", format!("# a\r\n# b\r\n{line}\r\n")),
        ("# a\r\n# b\r", format!("# a\r\n# b\r\n{line}\r\n")),
        ("\n\n", format!("\n\n{line}\n")),
    ] {
        let mut file = AuthorizedKeys::parse(before.as_bytes());
        let number = file.append(&new(9)).unwrap();
        assert_eq!(String::from_utf8(file.to_bytes()).unwrap(), after);
        assert_eq!(file.find(&key(9, "").fingerprint()), [number]);
    }
}

#[test]
fn new_lines_have_only_what_is_asked_for() {
    let mut wanted = new(9);
    wanted.from = Some("10.0.0.0/8,!10.1.1.1".to_owned());
    wanted.expires = Some(When::from_unix(1_803_081_600));
    assert_eq!(
        String::from_utf8(wanted.line().unwrap()).unwrap(),
        format!(
            "restrict,from=\"10.0.0.0/8,!10.1.1.1\",expiry-time=\"20270220Z\" {}",
            text(9, "new")
        )
    );
    for from in ["", "a\"", "a\n", "a b", "a\\"] {
        wanted.from = Some(from.to_owned());
        assert_eq!(wanted.line(), Err(EditError::Value("from")), "{from:?}");
    }
    wanted = new(9);
    wanted.key.set_comment(&"x".repeat(10_000));
    assert!(matches!(wanted.line(), Err(EditError::Long(_))));
    wanted.key.set_comment("a\nssh-ed25519 AAAA");
    assert_eq!(wanted.line().unwrap().split(|b| *b == b'\n').count(), 1);
}

#[test]
fn sets_and_takes_expiry() {
    let k = text(1, "\u{1b}[31m  odd ");
    let when = Some(When::from_unix(1_803_081_600));
    for (before, expires, after) in [
        (
            format!("{k}\n"),
            when,
            format!("expiry-time=\"20270220Z\" {k}\n"),
        ),
        (
            format!("\t {k}"),
            when,
            format!("\t expiry-time=\"20270220Z\" {k}"),
        ),
        (
            format!("restrict  {k}\r\n"),
            when,
            format!("restrict,expiry-time=\"20270220Z\"  {k}\r\n"),
        ),
        (
            format!("Expiry-Time=\"20200101\",restrict,expiry-time=\"20300101Z\",pty {k}\n"),
            when,
            format!("expiry-time=\"20270220Z\",restrict,pty {k}\n"),
        ),
        (
            format!("restrict,expiry-time=\"20200101Z\" {k}\n"),
            None,
            format!("restrict {k}\n"),
        ),
        (
            format!(" expiry-time=\"20200101Z\"\t{k}\n"),
            None,
            format!(" {k}\n"),
        ),
        (format!("{k}\n"), None, format!("{k}\n")),
    ] {
        let mut file = AuthorizedKeys::parse(before.as_bytes());
        file.set_expiry(1, expires).unwrap();
        assert_eq!(String::from_utf8(file.to_bytes()).unwrap(), after);
    }
    let mut file = AuthorizedKeys::parse(format!("nonsense {k}\n").as_bytes());
    assert!(matches!(
        file.set_expiry(1, when),
        Err(EditError::Options(_))
    ));
    assert_eq!(file.set_expiry(2, when), Err(EditError::NoKey(2)));
    assert_eq!(file.set_expiry(0, when), Err(EditError::NoKey(0)));
}

#[test]
fn replaces_options() {
    let k = text(1, "a");
    for (before, options, after) in [
        (format!("{k}\n"), "restrict", format!("restrict {k}\n")),
        (
            format!("pty\t{k}\n"),
            "restrict",
            format!("restrict\t{k}\n"),
        ),
        (format!("pty {k}\n"), "", format!("{k}\n")),
        (
            format!("nonsense {k}"),
            "command=\"a b\"",
            format!("command=\"a b\" {k}"),
        ),
    ] {
        let mut file = AuthorizedKeys::parse(before.as_bytes());
        file.set_options(1, options).unwrap();
        assert_eq!(String::from_utf8(file.to_bytes()).unwrap(), after);
    }
    let mut file = AuthorizedKeys::parse(k.as_bytes());
    for options in ["command=\"a\nb\"", "restrict pty", "nonsense", "restrict\n"] {
        assert!(file.set_options(1, options).is_err(), "{options:?}");
    }
    assert_eq!(file.to_bytes(), k.as_bytes());
}

fn suspension() -> Suspension {
    Suspension {
        since: When::from_unix(1_767_323_045),
        by: "root via ada@laptop".to_owned(),
        reason: "left, \"for now\" \u{1b}[31m".to_owned(),
    }
}

#[test]
fn a_suspended_key_is_a_comment_with_what_is_known_of_it() {
    let k = text(1, "a b");
    let file = format!("# first\n\t restrict  {k}\r\n{k}");
    let mut suspended = AuthorizedKeys::parse(file.as_bytes());
    suspended.suspend(2, &suspension()).unwrap();
    assert_eq!(
        String::from_utf8(suspended.to_bytes()).unwrap(),
        format!(
            "# first\n# suspended by storekeeper: {{\"since\":\"2026-01-02T03:04:05Z\",\"by\":\"root via ada@laptop\",\
             \"reason\":\"left, \\\"for now\\\" \\\\e[31m\"}} \t restrict  {k}\r\n{k}"
        )
    );
    let key = key(1, "").fingerprint();
    assert_eq!(
        (suspended.find(&key), suspended.find_suspended(&key)),
        (vec![3], vec![2])
    );
    suspended.suspend(3, &suspension()).unwrap();
    assert_eq!(kinds(&suspended.to_bytes()), "css");
    assert_eq!(
        suspended.suspend(3, &suspension()),
        Err(EditError::NoKey(3))
    );
    for number in [2, 3] {
        suspended.resume(number).unwrap();
        assert_eq!(suspended.resume(number), Err(EditError::NoKey(number)));
    }
    assert_eq!(suspended.to_bytes(), file.as_bytes());
}

#[test]
fn what_does_not_read_as_a_suspended_key_is_a_comment() {
    let k = text(1, "a");
    let head = "# suspended by storekeeper: ";
    let object = r#"{"since":"2026-01-02T03:04:05Z"}"#;
    for (line, kind) in [
        (format!("{head}{object} {k}\n"), "s"),
        (format!("{head}{object} restrict {k}"), "s"),
        (format!("{head}{object}{k}\n"), "c"),
        (format!("{head}{object} \n"), "c"),
        (format!("{head}{object}"), "c"),
        (format!("{head}{object} # {k}\n"), "c"),
        (format!("{head}{object} {head}{object} {k}\n"), "c"),
        (format!("{head}{{}} {k}\n"), "c"),
        (format!("{head}{{\"since\":1}} {k}\n"), "c"),
        (format!(" {head}{object} {k}\n"), "c"),
        (format!("#{k}\n"), "c"),
    ] {
        assert_eq!(kinds(line.as_bytes()), kind, "{line}");
    }
}

/// Files of lines that mean something, and of any bytes.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        (any::<u8>(), "[a-z@ \t#\"]{0,12}").prop_map(|(seed, comment)| {
            format!("{} {comment}", text(seed, "").trim()).into_bytes()
        }),
        (
            any::<u8>(),
            "( |\t)?(restrict|pty,no-pty|command=\"a b\"|expiry-time=\"20270101\"|bad)( |\t){1,2}"
        )
            .prop_map(|(seed, options)| format!("{options}{}", text(seed, "c")).into_bytes()),
        Just(b"# comment".to_vec()),
        Just(Vec::new()),
    ];
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\n"), Just("")];
    proptest::collection::vec((line, end), 0..8).prop_map(|lines| {
        lines
            .into_iter()
            .flat_map(|(line, end)| [&line, end.as_bytes()].concat())
            .collect()
    })
}

proptest! {
    #[test]
    fn what_was_read_is_what_is_written(bytes in proptest::collection::vec(any::<u8>(), 0..300), file in files()) {
        prop_assert_eq!(AuthorizedKeys::parse(&bytes).to_bytes(), bytes);
        prop_assert_eq!(AuthorizedKeys::parse(&file).to_bytes(), file);
    }

    #[test]
    fn a_suspended_line_comes_back_byte_for_byte(
        file in files(), pick: prop::sample::Index, by in ".{0,20}", reason in "(?s).{0,500}", noise in proptest::collection::vec(any::<u8>(), 0..60)
    ) {
        let before = AuthorizedKeys::parse(&file);
        let numbers: Vec<usize> = before.keys().map(|(number, _)| number).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let number = numbers[pick.index(numbers.len())];
        let mut after = before.clone();
        after.suspend(number, &Suspension { since: When::from_unix(1_767_323_045), by, reason }).unwrap();
        let mut again = AuthorizedKeys::parse(&after.to_bytes());
        prop_assert_eq!(&again, &after);
        prop_assert_eq!(again.keys().count() + 1, before.keys().count());
        prop_assert!(again.line(number).unwrap().raw().starts_with(b"#"));
        again.resume(number).unwrap();
        prop_assert_eq!(again.to_bytes(), file);
        // Whatever stands behind the marker reads as something.
        let hostile = [b"# suspended by storekeeper: ".as_slice(), &noise].concat();
        prop_assert_eq!(AuthorizedKeys::parse(&hostile).to_bytes(), hostile);
    }

    #[test]
    fn an_edit_changes_one_line(file in files(), pick: prop::sample::Index, way in 0..4, seconds in 1i64..4_000_000_000) {
        let before = AuthorizedKeys::parse(&file);
        let mut after = before.clone();
        let numbers: Vec<usize> = before.keys().map(|(number, _)| number).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let number = numbers[pick.index(numbers.len())];
        let done = match way {
            0 => after.set_expiry(number, Some(When::from_unix(seconds))),
            1 => after.set_expiry(number, None),
            2 => after.set_options(number, "restrict,command=\"a b\""),
            _ => after.remove(number),
        };
        // What was written reads back as what is in memory.
        let again = AuthorizedKeys::parse(&after.to_bytes());
        prop_assert_eq!(&again, &after);
        let rest = |file: &AuthorizedKeys, but: Option<usize>| -> Vec<Vec<u8>> {
            file.lines().filter(|(n, _)| Some(*n) != but).map(|(_, line)| line.raw().to_vec()).collect()
        };
        let removed = way == 3 && done.is_ok();
        prop_assert_eq!(rest(&before, Some(number)), rest(&after, (!removed).then_some(number)));
        if done.is_err() {
            prop_assert_eq!(&before, &after);
        } else if !removed {
            let (old, new) = (before.line(number).unwrap().key().unwrap(), after.line(number).unwrap().key().unwrap());
            prop_assert_eq!(&old.key, &new.key);
            let options = new.options.as_ref().unwrap();
            match way {
                0 => prop_assert_eq!(options.expiry.unwrap().at(7200), When::from_unix(seconds)),
                1 => prop_assert_eq!(options.expiry, None),
                _ => prop_assert_eq!(options.command.as_deref(), Some("a b")),
            }
        }
    }

    #[test]
    fn an_appended_key_is_there_and_all_else_too(file in files()) {
        let mut after = AuthorizedKeys::parse(&file);
        let number = after.append(&new(7)).unwrap();
        let bytes = after.to_bytes();
        prop_assert!(bytes.starts_with(&file));
        let again = AuthorizedKeys::parse(&bytes);
        prop_assert_eq!(&again, &after);
        prop_assert_eq!(again.line(number).unwrap().key().unwrap().key.fingerprint(), key(7, "").fingerprint());
    }
}
