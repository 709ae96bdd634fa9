//! Certificates on screen 4: from a key, or from the palette, to one that is made.

use crate::fixture::access::{certified, ed25519, known, print};
use crate::fixture::snapshot::{dump, snap};
use crate::fixture::{Console, receipt};
use storekeeper::change::{Item, Outcome};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::types::access::{Certified, Line};

fn on(size: (u16, u16), theme: &str, read_only: bool) -> Console {
    let mut console = Console::ready(size, theme, read_only);
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
        certified(),
    )))));
    console.keys("4");
    console
}

/// The cursor on the key of this comment.
fn at(size: (u16, u16), theme: &str, comment: &str) -> Console {
    let mut console = on(size, theme, false);
    for _ in 0..20 {
        if let Some(Line::Key(entry)) = console.model.access.current()
            && entry.row.comment == comment
        {
            return console;
        }
        console.keys("j");
    }
    panic!("{comment} is not in the list");
}

fn ready() -> Console {
    at((80, 24), "dark", OWNER)
}

fn text(console: &Console) -> String {
    dump(&draw(&console.model))
}

/// Somebody whose key is good.
const OWNER: &str = "ada@ci-3";

#[test]
fn dialogs() {
    let after = |keys: &'static str| {
        move |size: (u16, u16), theme: &str| {
            let mut console = at(size, theme, OWNER);
            console.keys(keys);
            console.model
        }
    };
    snap("access-certify-authority", after("c~/ca"));
    snap("access-certify", after("c~/ca<enter>"));
    snap(
        "access-certify-other",
        after(
            "c~/ca.pub<enter>pbob<enter>f10.2.0.0/16<enter>iada-2<enter>e<ctrl-u>8h<enter>wada.pub<enter>rtravels<enter>",
        ),
    );
    snap("access-certified", |size: (u16, u16), theme: &str| {
        let mut console = at(size, theme, OWNER);
        console.keys("c~/ca<enter><enter>");
        let (job, _) = console.runs[0].clone();
        console.send(Msg::Activity(screens::activity::Msg::Ended {
            job,
            receipt: receipt(Outcome::Done, 1),
        }));
        console.send(Msg::Access(screens::access::Msg::Certificate(Ok(made()))));
        console.model
    });
}

fn made() -> Certified {
    Certified {
        file: "ada@ci-3-cert.pub".to_owned(),
        line: format!(
            "ssh-ed25519-cert-v01@openssh.com {} ada\u{1b}[2J",
            "A".repeat(300)
        ),
    }
}

#[test]
fn a_key_on_the_screen_gets_a_certificate() {
    let mut console = ready();
    console.keys("c");
    assert!(
        text(&console).contains("Make a certificate"),
        "{}",
        text(&console)
    );
    // Nothing is planned before an authority is named, and the key that ends the name confirms nothing.
    console.keys("<enter>");
    assert!(
        text(&console).contains("no authority is named"),
        "{}",
        text(&console)
    );
    console.keys("<enter>a~/ca<enter>");
    assert!(console.runs.is_empty());
    // What the server wants is taken where nothing is said.
    let shown = text(&console);
    assert!(shown.contains("ci; p writes another"), "{shown}");
    console.keys("pops<enter>iada-on-tour<enter>f10.2.0.0/16<enter>rtravels<enter>");
    assert!(console.runs.is_empty());
    console.keys("<enter>");
    let (job, plan) = console.runs[0].clone();
    assert_eq!(
        (plan.change, plan.reason.as_deref()),
        ("sign-cert", Some("travels"))
    );
    let [
        Item::Certificate {
            id,
            principals,
            from,
            expires,
            out,
            authority,
            ..
        },
    ] = plan.items.as_slice()
    else {
        panic!("{:?}", plan.items);
    };
    assert_eq!(
        (id.as_str(), principals.as_slice()),
        ("ada-on-tour", &["ops".to_owned()][..])
    );
    assert_eq!(from.as_deref(), Some("10.2.0.0/16"));
    assert_eq!(*authority, print(&ed25519(9, "")));
    // 30 days, unless it is said otherwise.
    let days = (expires.unix() - console.model.cx.now.unix()) / 86_400;
    assert_eq!((days, out.as_str()), (30, "ada@ci-3-cert.pub"));
    // It is read back and shown, and one key copies it.
    console.asked.clear();
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: receipt(Outcome::Done, 1),
    }));
    let read = format!("Access(ReadCertificate({out:?}))");
    assert!(console.asked.contains(&read), "{:?}", console.asked);
    console.send(Msg::Access(screens::access::Msg::Certificate(Ok(made()))));
    let shown = text(&console);
    assert!(
        shown.contains("It is in ada@ci-3-cert.pub.") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    console.keys("y");
    assert_eq!(console.copied, [made().line]);
    // The next one begins with the same authority.
    console.keys("<esc><esc>c");
    assert!(text(&console).contains("~/ca"), "{}", text(&console));
    assert!(console.model.plan_dialog().unwrap().made().is_some());
}

#[test]
fn one_that_failed_is_not_read() {
    let mut console = ready();
    console.keys("c~/ca<enter><enter>");
    let (job, _) = console.runs[0].clone();
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: receipt(Outcome::Failed, 0),
    }));
    assert!(
        !console
            .asked
            .iter()
            .any(|asked| asked.starts_with("Access(ReadCertificate"))
    );
}

#[test]
fn a_key_that_is_pasted_gets_one_from_the_palette() {
    let mut console = on((80, 24), "dark", false);
    console.keys("G:certificate<enter>");
    let shown = text(&console);
    assert!(
        shown.contains("Paste the one line of the .pub file"),
        "{shown}"
    );
    console.send(Msg::Paste(ed25519(77, "kim")));
    console.keys("<enter>~/ca<enter>");
    assert!(text(&console).contains("certify kim"), "{}", text(&console));
    // An authority gets none: the cursor on one asks for a key.
    let mut console = at((80, 24), "dark", "team-ca");
    console.keys("c");
    assert!(
        text(&console).contains("Paste the one line"),
        "{}",
        text(&console)
    );
}

#[test]
fn no_certificate_without_an_end_and_none_where_nothing_may_change() {
    let mut console = ready();
    console.keys("c~/ca<enter>e<ctrl-u><enter><enter>");
    assert!(
        text(&console).contains("without an end"),
        "{}",
        text(&console)
    );
    assert!(console.runs.is_empty());
    let mut console = on((80, 24), "dark", true);
    console.keys("jjjc");
    assert!(!matches!(console.model.layers.last(), Some(Layer::Plan(_))));
    assert!(
        console
            .model
            .toast
            .as_deref()
            .unwrap()
            .starts_with("Cannot make a certificate")
    );
}

/// A certificate is in a file of this machine, so its way is asked for by the file's name.
#[test]
fn the_way_of_a_file_and_what_a_new_client_does_are_asked_for() {
    let mut console = ready();
    console.keys("W~/ada-cert.pub<enter>");
    let asked = |console: &Console, start: &str, end: &str| {
        let mut all = console.asked.iter();
        all.any(|asked| asked.starts_with(start) && asked.contains(end))
    };
    let file = "file: \"~/ada-cert.pub\"";
    assert!(
        asked(&console, "Access(WayOfFile", file),
        "{:?}",
        console.asked.last()
    );
    // From a path of the store too, with that path.
    console.asked.clear();
    console.keys("2:way ~/ada-cert.pub<enter>");
    assert!(
        asked(&console, "Access(WayOfFile", "curl-8.7.1"),
        "{:?}",
        console.asked.last()
    );
    // Each system of clients, with tab; whoever may only look may ask.
    let mut console = on((80, 24), "dark", true);
    console.keys("imac<tab><enter>");
    assert!(
        asked(&console, "Access(Onboard", "platform: MacOs"),
        "{:?}",
        console.asked.last()
    );
    console.send(Msg::Access(screens::access::Msg::Onboarding(Ok(
        "# For macOS\n".to_owned(),
    ))));
    console.keys("y");
    assert_eq!(console.copied, ["# For macOS\n"]);
    console.keys("<esc>:onboard windows<enter>");
    let toast = console.model.toast.clone().unwrap();
    assert!(toast.starts_with("\"windows\" is none"), "{toast}");
}
