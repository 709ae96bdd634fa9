//! Screen 4: how it looks, and the ways through it from a key to a confirmed change.

use crate::fixture::access::{
    blind, certified, ed25519, facts, generated, known, print, public, rsa, suspended,
};
use crate::fixture::snapshot::{dump, snap};
use crate::fixture::{Console, NOW, any_key, receipt};
use crate::help::processor_time;
use proptest::prelude::*;
use storekeeper::change::{Danger, Outcome};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::model::Model;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::types::access::Line;
use storekeeper::console::types::problem::Problem;
use storekeeper::domain::access::{AccessFacts, LogEvent, LogKind, LogLevel};
use storekeeper::domain::authorized_keys::AuthorizedKeys;
use storekeeper::domain::overflow::{Dropped, KNOCK_CAPACITY, Overflow};
use storekeeper::domain::{Unknown, When};

const SMALL: (u16, u16) = (80, 24);

/// A console on screen 4 that knows these facts.
fn on(size: (u16, u16), theme: &str, read_only: bool, facts: AccessFacts) -> Console {
    let mut console = Console::ready(size, theme, read_only);
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
        facts,
    )))));
    console.keys("4");
    console
}

fn ready() -> Console {
    on(SMALL, "dark", false, facts())
}

fn after(facts: fn() -> AccessFacts, keys: &'static str) -> impl Fn((u16, u16), &str) -> Model {
    move |size, theme| {
        let mut console = on(size, theme, false, facts());
        console.keys(keys);
        console.model
    }
}

fn text(console: &Console) -> String {
    dump(&draw(&console.model))
}

/// The owner under the cursor.
fn current(console: &Console) -> String {
    match console.model.access.current() {
        Some(Line::Request(entry)) => format!("? {}", entry.row.comment),
        Some(Line::Key(entry)) => entry.row.comment.clone(),
        Some(Line::Refused(refused)) => refused.name(),
        Some(Line::Notice(finding)) => finding.code.to_owned(),
        None => String::new(),
    }
}

/// Goes to the key of an owner.
fn go(console: &mut Console, owner: &str) {
    console.keys("g");
    for _ in 0..20 {
        if current(console) == owner {
            return;
        }
        console.keys("j");
    }
    panic!("{owner} is not in the list");
}

#[test]
fn list() {
    snap("access-list", after(facts, ""));
}

#[test]
fn a_key() {
    snap("access-key", after(facts, "jjj"));
}

#[test]
fn a_notice() {
    snap("access-notice", after(facts, "G"));
}

#[test]
fn request_card() {
    snap("access-request", after(facts, "<enter>"));
}

#[test]
fn hostile_request_card() {
    snap("access-request-hostile", after(facts, "<enter>n"));
}

#[test]
fn key_card() {
    snap("access-card", after(facts, "jjjj<enter>"));
}

#[test]
fn approve_dialog() {
    snap("access-approve", after(facts, "a"));
}

#[test]
fn approve_dialog_with_its_word() {
    snap("access-approve-word", after(facts, "a<enter>unprov"));
}

#[test]
fn proof_dialog() {
    snap("access-proof", after(facts, "o"));
}

#[test]
fn approve_dialog_with_addresses() {
    snap(
        "access-approve-from",
        after(facts, "af10.2.0.0/16<enter>cme"),
    );
}

#[test]
fn revoke_dialog() {
    snap("access-revoke", after(facts, "jjr<enter>rev"));
}

#[test]
fn own_key_dialog() {
    snap("access-revoke-own", after(facts, "jjjjjr"));
}

#[test]
fn expiry_dialog() {
    snap("access-expire", after(facts, "jje"));
}

#[test]
fn deny_dialog() {
    snap("access-deny", after(facts, "dr"));
}

#[test]
fn paste_dialog() {
    snap("access-paste", after(facts, "Ga"));
}

#[test]
fn generated_file() {
    snap("access-generated", after(generated, "jj<enter>r"));
}

#[test]
fn hardly_anything_known() {
    snap("access-blind", after(blind, ""));
}

/// What the knock dropped leads from the Overview to screen 4, where it says what to do.
#[test]
fn dropped_requests_are_on_the_overview() {
    let mut facts = facts();
    let before = |seconds| When::from_unix(facts.at.unix() - seconds);
    facts.overflow = Ok(Overflow {
        dropped: Some(Dropped {
            count: 1234,
            since: before(7200),
            last: before(60),
        }),
        unread: 0,
    });
    let request = facts.requests.as_ref().unwrap()[0].clone();
    let few = Ok(vec![request.clone(); 2]);
    for (requests, expected) in [
        (few, "1,234 requests dropped since 20"),
        (
            Ok(vec![request; KNOCK_CAPACITY]),
            "request queue full: 1,234 dropped since 20",
        ),
    ] {
        let facts = AccessFacts {
            requests,
            ..facts.clone()
        };
        let mut console = on(SMALL, "dark", false, facts);
        console.keys("1");
        let shown = text(&console);
        let line = shown.lines().find(|line| line.contains(expected));
        assert!(
            line.is_some_and(|line| line.trim_end().ends_with("-> 4 Access")),
            "{shown}"
        );
    }
}

#[test]
fn overview() {
    snap("access-overview", after(facts, "1"));
}

#[test]
fn not_read() {
    snap("access-not-read", |size, theme| {
        let mut console = Console::ready(size, theme, false);
        let why = "cache.example.org did not say who may log in (sh: 1: Permission denied)";
        console.send(Msg::Access(screens::access::Msg::Snapshot(Err(
            Problem::say(why),
        ))));
        console.keys("4");
        console.model
    });
}

#[test]
fn a_request_is_approved() {
    let mut console = ready();
    assert_eq!(current(&console), "? root@mei-laptop");
    console.keys("<enter>e");
    assert!(console.model.toast.as_deref().unwrap().contains("1 y"));
    console.keys("arnew laptop<enter>");
    // Neither the key that opened the plan nor the one that ended the note has confirmed it.
    assert!(console.runs.is_empty());
    // Nobody has proven to hold the key, so it takes the word that says so.
    console.keys("<enter>yes<enter>");
    assert!(console.runs.is_empty());
    console.keys("<backspace><backspace><backspace>unproven<enter>");
    let (job, plan) = console.runs[0].clone();
    assert_eq!(plan.change, "approve");
    assert_eq!(plan.reason.as_deref(), Some("new laptop"));
    let added: Vec<&str> = plan
        .lines
        .iter()
        .filter(|(label, _)| *label == "+")
        .map(|(_, line)| line.as_str())
        .collect();
    // A year from the 21st of September 2026.
    assert!(
        added[0].starts_with("restrict,expiry-time=\"20270921"),
        "{added:?}"
    );
    console.asked.clear();
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: receipt(Outcome::Done, 2),
    }));
    assert!(console.asked.iter().any(|asked| asked == "Access(Read)"));
    assert!(text(&console).contains("2 steps"));
    let asked = |start: &str| console.asked.iter().any(|asked| asked.starts_with(start));
    assert!(asked("Access(Onboard"));
    console.send(Msg::Access(screens::access::Msg::Onboarding(Ok(
        "# For Linux\ntrue\n".to_owned(),
    ))));
    console.keys("y");
    assert_eq!(console.copied, ["# For Linux\ntrue\n"]);
}

/// A console with one request whose private key is known, and what that key signs.
fn provable(read_only: bool) -> (Console, String, impl Fn(&str) -> String) {
    use ssh_key::{HashAlg, LineEnding, PrivateKey, private::Ed25519Keypair};
    let private = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let mut facts = facts();
    let mut request = facts.requests.as_ref().unwrap()[0].clone();
    request.key = public(&private.public_key().to_openssh().unwrap());
    let challenge = request.challenge(&facts.host);
    facts.requests = Ok(vec![request]);
    let sign = move |text: &str| {
        let signature = private.sign("storekeeper", HashAlg::Sha512, text.as_bytes());
        signature.unwrap().to_pem(LineEnding::LF).unwrap()
    };
    (on(SMALL, "dark", read_only, facts), challenge, sign)
}

#[test]
fn a_requester_proves() {
    for typed in [false, true] {
        let (mut console, challenge, sign) = provable(false);
        console.keys("oy");
        let sent = console.copied.last().unwrap();
        assert!(
            sent.contains(&format!("echo '{challenge}' | ssh-keygen -Y sign")),
            "{sent}"
        );
        let answer = sign(&format!("{challenge}\n"));
        if typed {
            // A terminal without bracketed paste types it.
            console.keys("<enter>");
            console.keys(&answer.replace('\n', "<enter>"));
        } else {
            console.send(Msg::Paste(answer));
        }
        assert!(console.runs.is_empty());
        let shown = text(&console);
        assert!(shown.contains("record that the requester"), "{shown}");
        console.keys("<enter>");
        assert_eq!(console.runs[0].1.change, "prove", "typed: {typed}");
    }
}

#[test]
fn what_is_no_proof_changes_nothing() {
    let (mut console, _, sign) = provable(false);
    console.keys("o");
    console.send(Msg::Paste(sign("something else\n")));
    assert!(
        text(&console).contains("has not signed this text"),
        "{}",
        text(&console)
    );
    console.keys("<enter><enter><esc>o");
    console.send(Msg::Paste(
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n".to_owned(),
    ));
    assert!(
        console
            .model
            .toast
            .as_deref()
            .unwrap()
            .contains("private key")
    );
    assert!(!text(&console).contains("b3Blbn"));
    console.keys("<enter>nonsense<enter>");
    assert!(
        text(&console).contains("there is no line"),
        "{}",
        text(&console)
    );
    console.keys("<enter><esc>");
    assert!(console.runs.is_empty());
    // Who may only look sees what to send, and takes nothing down.
    let (mut console, challenge, sign) = provable(true);
    console.keys("oy");
    assert!(console.copied[0].contains(&challenge));
    console.send(Msg::Paste(sign(&format!("{challenge}\n"))));
    console.keys("<enter>");
    assert!(console.runs.is_empty());
    console.keys("<esc>");
    go(&mut console, "ada@ci-3");
    console.keys("o");
    assert!(
        console
            .model
            .toast
            .as_deref()
            .unwrap()
            .contains("no request")
    );
}

#[test]
fn the_line_follows_what_is_typed() {
    let line = |console: &Console| match console.model.layers.last() {
        Some(Layer::Plan(dialog)) => match &dialog.plan {
            Some(Ok(plan)) => plan
                .lines
                .iter()
                .find(|(label, _)| *label == "+")
                .map(|(_, line)| line.clone())
                .unwrap_or_default(),
            other => format!("{other:?}"),
        },
        _ => String::new(),
    };
    let mut console = ready();
    console.keys("af10.0.0.");
    assert!(
        line(&console).starts_with("restrict,from=\"10.0.0.\",expiry-time="),
        "{}",
        line(&console)
    );
    console.keys("0/8<enter>cmei<tab>");
    let shown = line(&console);
    assert!(
        shown.contains("from=\"10.0.0.0/8\"") && shown.ends_with(" mei"),
        "{shown}"
    );
    console.send(Msg::Paste("not taken in".to_owned()));
    assert_eq!(line(&console), shown);
    // What sshd would not take makes no plan.
    console.keys("f\"");
    console.keys("<enter><enter>");
    assert!(console.runs.is_empty(), "{}", line(&console));
    console.keys("f<backspace><enter><enter>unproven<enter>");
    let plan = &console.runs[0].1;
    assert!(plan.lines.contains(&("+", shown)), "{:?}", plan.lines);
    // An empty field is the key's own comment, and anywhere.
    let mut console = ready();
    console.keys("a");
    let before = line(&console);
    console.keys("fx<backspace><enter>cy<backspace><enter>");
    assert_eq!(line(&console), before);
    assert!(before.ends_with(" root@mei-laptop"), "{before}");
}

#[test]
fn a_request_is_denied() {
    let mut console = ready();
    console.keys("d<enter>");
    assert_eq!(console.runs[0].1.change, "deny");
}

#[test]
fn revoking_takes_the_word() {
    let mut console = ready();
    go(&mut console, "ada@ci-3");
    console.keys("r<enter><enter><enter>");
    assert!(console.runs.is_empty());
    console.keys("revok<enter>");
    assert!(console.runs.is_empty());
    console.send(Msg::Paste("revoke".to_owned()));
    console.keys("<enter>");
    assert!(console.runs.is_empty(), "a pasted word confirms nothing");
    console.keys("e<enter>");
    let plan = &console.runs[0].1;
    assert_eq!(plan.change, "revoke");
    assert_eq!(plan.items.len(), 2, "the line and its open session");
    let gone = ed25519(1, "ada@ci-3");
    assert!(plan.lines.contains(&("-", format!("restrict {gone}"))));
}

#[test]
fn an_authority_shows_what_it_admits_and_what_goes_with_it() {
    let mut console = on(SMALL, "dark", false, certified());
    go(&mut console, "team-ca");
    console.keys("<enter>");
    let card = text(&console);
    assert!(
        card.contains("admit certificates for ci, ops, each of"),
        "{card}"
    );
    console.keys("<esc>r");
    let dialog = text(&console);
    assert!(
        dialog.contains("this is a certificate authority"),
        "{dialog}"
    );
    console.keys("<enter>revoke<enter>");
    assert_eq!(console.runs[0].1.change, "revoke");
}

#[test]
fn sessions_can_be_left() {
    let mut console = ready();
    go(&mut console, "ada@ci-3");
    console.keys("ro<enter>revoke<enter>");
    assert_eq!(console.runs[0].1.items.len(), 1);
}

#[test]
fn ones_own_key_takes_more() {
    let mut console = ready();
    go(&mut console, "root@admin");
    console.keys("r<enter>revoke<enter>");
    // It is in the cache user's file, and this login is root's: the plan says by itself what word it takes.
    let word = match console.model.layers.last() {
        Some(Layer::Plan(dialog)) => match dialog.plan.as_ref().unwrap().as_ref().unwrap().danger {
            Danger::Destroys { word } => Some(word),
            Danger::Adds => None,
        },
        _ => None,
    };
    assert_eq!(word.is_none(), console.runs.len() == 1);
}

#[test]
fn a_key_is_suspended_and_resumed() {
    let mut console = ready();
    go(&mut console, "ada@ci-3");
    console.keys("zron leave<enter><enter>");
    let plan = &console.runs[0].1;
    assert_eq!(
        (plan.change, plan.items.len()),
        ("suspend", 2),
        "the line and its open session"
    );
    let added = plan.lines.iter().find(|(label, _)| *label == "+").unwrap();
    assert!(
        added.1.starts_with("# suspended by storekeeper: ") && added.1.contains("\"on leave\""),
        "{added:?}"
    );
    let mut console = ready();
    go(&mut console, "ada@ci-3");
    console.keys("zo<enter>");
    assert_eq!(console.runs[0].1.items.len(), 1, "the session goes on");

    let mut console = on(SMALL, "dark", false, suspended());
    go(&mut console, "ada@ci-3");
    console.keys("e");
    assert_eq!(
        console.model.toast.as_deref(),
        Some("Cannot set a key's expiry: the key is suspended; resume it first")
    );
    console.keys("z<enter>");
    let plan = &console.runs[0].1;
    assert_eq!(plan.change, "resume");
    let line = format!("restrict {}", ed25519(1, "ada@ci-3"));
    assert!(plan.lines.contains(&("+", line)), "{:?}", plan.lines);
}

#[test]
fn keys_are_reviewed_and_marked() {
    let mut console = on(SMALL, "dark", false, suspended());
    console.keys("Vy");
    let copied = console.copied.concat();
    assert!(
        copied.starts_with("# Access review of ") && copied.contains("| ada\\@ci-3 | suspended |"),
        "{copied}"
    );
    console.keys("<esc>M<enter>");
    let plan = &console.runs[0].1;
    assert_eq!(
        (plan.change, plan.items.len()),
        ("review", 4),
        "every key, the suspended one too"
    );
    // Whoever may only look may read it, and marks nothing.
    let mut console = on(SMALL, "dark", true, facts());
    console.keys("V<esc>M<enter>");
    assert!(console.runs.is_empty() && console.model.layers.is_empty());
}

#[test]
fn review_text() {
    snap("access-review", after(suspended, "V"));
}

#[test]
fn a_suspended_key() {
    snap("access-suspended", after(suspended, "jj"));
}

#[test]
fn suspended_card() {
    snap("access-suspended-card", after(suspended, "jj<enter>"));
}

#[test]
fn suspend_dialog() {
    snap("access-suspend", after(facts, "jjz"));
}

#[test]
fn resume_dialog() {
    snap("access-resume", after(suspended, "jjz"));
}

#[test]
fn an_expiry_is_set() {
    let mut console = ready();
    go(&mut console, "bob@builder");
    console.keys("e");
    assert!(text(&console).contains("[90 d]"));
    console.keys("eee<enter>");
    let plan = &console.runs[0].1;
    assert_eq!(plan.change, "expire");
    // 90 d, 1 y, none, 30 d.
    let added = plan.lines.iter().find(|(label, _)| *label == "+").unwrap();
    assert!(added.1.contains("expiry-time=\"20261021"), "{added:?}");
}

#[test]
fn a_key_is_pasted() {
    let mut console = ready();
    let new = ed25519(9, "new@host");
    console.keys("Ga");
    console.send(Msg::Paste(format!("{new}\n")));
    console.keys("<enter>");
    assert!(console.runs.is_empty());
    assert!(text(&console).contains("new@host"));
    console.keys("<enter>");
    let plan = &console.runs[0].1;
    assert_eq!(plan.change, "authorize");
    let added = plan.lines.iter().find(|(label, _)| *label == "+").unwrap();
    let line = added.1.clone();
    // 90 days from the 21st of September 2026, as on the command line.
    assert!(
        line.starts_with("restrict,expiry-time=\"20261220") && line.ends_with(&new),
        "{line}"
    );
    let ends = |(label, text): &(&str, String)| *label == "expires" && text.contains("in 90d");
    assert!(plan.lines.iter().any(ends), "{:?}", plan.lines);
    let read = AuthorizedKeys::parse(line.as_bytes());
    assert_eq!(read.find(&public(&new).fingerprint()), [1]);
}

#[test]
fn a_private_key_is_not_kept() {
    let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n-----END OPENSSH PRIVATE KEY-----\n";
    for typed in [false, true] {
        let mut console = ready();
        console.keys("Ga");
        if typed {
            console.keys(&private.replace('\n', "<enter>"));
        } else {
            console.send(Msg::Paste(private.to_owned()));
        }
        assert!(!text(&console).contains("b3Blbn"), "typed: {typed}");
        console.keys("<enter><enter>");
        assert!(console.runs.is_empty());
        assert!(!console.asked.iter().any(|asked| asked.contains("b3Blbn")));
    }
}

#[test]
fn a_weak_key_is_not_authorized() {
    let mut console = ready();
    console.keys("Ga");
    console.send(Msg::Paste(rsa(128, "weak@old")));
    console.keys("<enter>");
    assert!(
        text(&console).contains("2048 are the minimum"),
        "{}",
        text(&console)
    );
    console.keys("<enter>");
    assert!(console.runs.is_empty());
}

#[test]
fn what_cannot_be_done_says_why() {
    let said = |console: &mut Console, key: &str| {
        console.keys(key);
        console.model.toast.clone().unwrap_or_default()
    };
    let mut console = ready();
    go(&mut console, "ada@ci-3");
    assert!(said(&mut console, "d").contains("no request"));
    console.keys("1");
    assert!(said(&mut console, "r").contains("screen 4"));
    let mut console = on(SMALL, "dark", false, generated());
    go(&mut console, "ada@ci-3");
    for key in ["r", "e", "a"] {
        assert!(said(&mut console, key).contains("is written by"), "{key}");
    }
    let mut console = on(SMALL, "dark", true, facts());
    assert!(said(&mut console, "a").contains("read-only"));
    let mut console = Console::ready(SMALL, "dark", false);
    console.keys("4");
    assert!(said(&mut console, "a").contains("not been read"));
}

#[test]
fn the_cursor_stays_on_its_key() {
    let mut console = ready();
    go(&mut console, "bob@builder");
    let mut newer = facts();
    newer.requests = Ok(vec![]);
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
        newer,
    )))));
    assert_eq!(current(&console), "bob@builder");
}

/// Of the clients that were refused: one stands in the file and has ended, one waits, one was never seen here.
fn refused() -> AccessFacts {
    let mut facts = facts();
    let stranger = ed25519(9, "");
    let failed = |ago, key: &str| LogEvent {
        at: When::from_unix(NOW - ago),
        fingerprint: Some(print(key)),
        kind: LogKind::Failed("publickey".to_owned()),
        ..facts.events.as_ref().unwrap()[1].clone()
    };
    let new = [failed(90, &rsa(256, "eve@old")), failed(30, &stranger)];
    facts.events.as_mut().unwrap().extend(new);
    facts.sshd.settings.as_mut().unwrap().log_level = Some(LogLevel::Verbose);
    facts
}

#[test]
fn refused_clients() {
    snap("access-refused", after(refused, "F"));
}

#[test]
fn only_refused_clients_are_listed() {
    for size in [SMALL, (120, 40)] {
        let mut console = on(size, "dark", false, refused());
        go(&mut console, "eve@old");
        // The cursor stays on its key.
        console.keys("F");
        assert_eq!(current(&console), "eve@old");
        assert_eq!(console.model.access.rows(), 3);
        let shown = text(&console);
        assert!(shown.contains("[refused] 3 clients"), "{shown}");
        assert!(!shown.contains("bob@builder"), "{shown}");
        // Its keys are those of the key.
        console.keys("e");
        assert!(text(&console).contains("┌ "), "{}", text(&console));
        console.keys("<esc>g");
        // Whoever was never seen is asked about, and not revoked.
        assert!(matches!(
            console.model.access.current(),
            Some(Line::Refused(_))
        ));
        console.keys("r");
        assert!(
            text(&console).contains("no key is under"),
            "{}",
            text(&console)
        );
        console.keys("<enter>");
        assert!(text(&console).contains("Refused client 1 of 3"));
        // One step back at a time.
        console.keys("<esc>");
        assert!(text(&console).contains("[refused]"));
        console.keys("<esc>");
        assert!(text(&console).contains("bob@builder"));
        // When nobody is refused any more, it says so.
        console.keys("F");
        console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
            facts_without_events(),
        )))));
        let shown = text(&console);
        assert!(shown.contains("No client was refused"), "{shown}");
    }
}

fn facts_without_events() -> AccessFacts {
    AccessFacts {
        events: Ok(vec![]),
        ..facts()
    }
}

#[test]
fn a_line_of_the_overview_leads_to_the_client_that_stands_nowhere() {
    let mut console = on(SMALL, "dark", false, refused());
    console.keys("1");
    for _ in 0..20 {
        let shown = text(&console);
        let line = shown.lines().find(|line| line.starts_with('>'));
        if line.is_some_and(|line| line.contains("SHA256:")) {
            console.keys("<enter>");
            assert!(matches!(
                console.model.access.current(),
                Some(Line::Refused(_))
            ));
            assert!(text(&console).contains("[refused]"));
            return;
        }
        console.keys("j");
    }
    panic!("no line of that client: {}", text(&console));
}

#[test]
fn hostile_comments_are_inert() {
    for keys in ["", "<enter>n", "ja", "jd", "jal"] {
        let mut console = ready();
        console.keys(keys);
        let shown = text(&console);
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{keys}");
        assert!(shown.contains("zoe\\e"), "{keys}\n{shown}");
    }
}

#[test]
fn a_comment_of_ten_thousand_characters_is_drawn_like_any_other() {
    let mut long = facts();
    let comment = format!("eve\u{1b}[2J\u{202e}{}", "\u{5e9}\u{1b}x".repeat(3_400));
    let line = format!("restrict {}\n", ed25519(77, &comment));
    long.files[0].content = Ok(line.into_bytes());
    for keys in [
        "",
        "j",
        "j<enter>",
        "j<enter><pgdn><pgdn>",
        "jr",
        "jrl",
        "je",
        "jy",
    ] {
        let mut console = on(SMALL, "dark", false, long.clone());
        console.keys("j");
        console.keys(keys);
        let shown = text(&console);
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{keys}");
        let copied = console.copied.concat();
        assert!(!copied.contains(['\u{1b}', '\u{202e}']), "{keys}");
    }
}

#[test]
fn long_lists_are_drawn_from_what_is_in_view() {
    let mut many = facts();
    let lines: Vec<String> = (0..1_000)
        .map(|n| {
            let key = ed25519((n % 200) as u8, &format!("user{n}"));
            format!("restrict {key}\n")
        })
        .collect();
    many.files[0].content = Ok(lines.concat().into_bytes());
    let mut console = on(SMALL, "dark", false, many);
    console.keys("G<pgup>k");
    assert!(!current(&console).is_empty());
    let started = processor_time();
    for _ in 0..50 {
        draw(&console.model);
    }
    let took = processor_time().saturating_sub(started);
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever is pressed and pasted, nothing is run where nothing may be changed.
    #[test]
    fn read_only_never_runs(
        keys in proptest::collection::vec(prop_oneof![2 => any_key(), 1 => "[adreonjg]".prop_map(|text| text.parse().unwrap())], 0..60),
        paste in 0usize..60,
    ) {
        let mut console = on(SMALL, "dark", true, facts());
        for (at, key) in keys.into_iter().enumerate() {
            if at == paste {
                console.send(Msg::Paste(ed25519(9, "new@host")));
            }
            console.key(key);
            draw(&console.model);
        }
        prop_assert!(console.runs.is_empty());
    }

    /// Any keys at any size: no panic, and every change that runs had a plan with items.
    #[test]
    fn any_keys_are_safe(
        size in (1u16..130, 1u16..45),
        keys in proptest::collection::vec(prop_oneof![2 => any_key(), 1 => "[adreonjg]".prop_map(|text| text.parse().unwrap())], 0..60),
    ) {
        let mut console = on(size, "mono", false, facts());
        for key in keys {
            console.key(key);
            draw(&console.model);
        }
        for (_, plan) in &console.runs {
            prop_assert!(!plan.items.is_empty());
        }
    }
}

/// Screen 6 with these facts and keys.
fn activity(facts: fn() -> AccessFacts, keys: &'static str) -> impl Fn((u16, u16), &str) -> Model {
    move |size, theme| {
        let mut console = on(size, theme, false, facts());
        console.keys("6");
        console.keys(keys);
        console.model
    }
}

/// A log that `sshd -E` has written.
fn undated() -> AccessFacts {
    let mut facts = facts();
    let why = "the log has no dates, so logins can't be dated; log to syslog or the journal";
    let events = std::mem::replace(&mut facts.events, Err(Unknown::new(why)));
    for event in events.unwrap() {
        let seen = facts.undated.entry(event.fingerprint.unwrap()).or_default();
        match event.kind {
            LogKind::Accepted(_) => seen.accepted += 12,
            _ => seen.refused += 1,
        }
        seen.addresses.push(event.address);
    }
    facts.reach = None;
    facts
}

#[test]
fn sessions_and_the_log_on_the_activity_screen() {
    snap("activity-sessions", activity(facts, "o"));
    snap("activity-session-end", activity(facts, "oK<enter>"));
    snap("activity-log", activity(facts, "ooj"));
    snap("activity-log-entry", activity(facts, "oo<enter>"));
    snap("activity-log-unknown", activity(blind, "oo"));
    snap("activity-log-undated", activity(undated, "oo"));
    snap("overview-on-now", |size, theme| {
        let mut console = on(size, theme, false, facts());
        console.keys("1");
        console.model
    });
}

#[test]
fn a_session_is_ended_by_its_word_and_nothing_else() {
    let mut console = ready();
    // Elsewhere the key has nothing to act on.
    console.keys("6K");
    assert!(console.model.layers.is_empty());
    assert!(console.model.toast.as_deref().unwrap().contains("o shows"));
    console.keys("oK");
    assert!(matches!(console.model.layers.last(), Some(Layer::Plan(_))));
    console.keys("<enter>ende<enter>");
    assert!(console.runs.is_empty());
    console.keys("<esc><esc><esc>K<enter>end<enter>");
    assert_eq!(console.runs.len(), 1);
    let mut console = on(SMALL, "dark", true, facts());
    console.keys("6oK");
    assert!(console.model.layers.is_empty());
    assert!(
        console
            .model
            .toast
            .as_deref()
            .unwrap()
            .contains("read-only")
    );
}

#[test]
fn hostile_logs_are_inert() {
    let mut facts = facts();
    let evil = "\u{1b}[2Jroot\u{202e}\u{7}\n";
    let events = facts.events.as_mut().unwrap();
    for event in events.iter_mut() {
        event.user = evil.to_owned();
        event.address = evil.to_owned();
        event.kind = LogKind::Session {
            command: evil.to_owned(),
            forced: false,
        };
    }
    let sessions = facts.sessions.as_mut().unwrap();
    sessions[0].from = Some(evil.to_owned());
    sessions[0].user = evil.to_owned();
    sessions[0].fingerprint = None;
    let mut console = on((120, 40), "dark", false, facts);
    for keys in ["1", "6", "o", "<enter>", "<esc>K", "<esc>o", "<enter>"] {
        console.keys(keys);
        let frame = draw(&console.model);
        for cell in &frame.content {
            let harmless = |c: char| !c.is_control() && c != '\u{202e}';
            assert!(cell.symbol().chars().all(harmless), "{keys}");
        }
    }
    assert!(text(&console).contains("root"));
}
