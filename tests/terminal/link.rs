//! The link goes away in the middle of signing, and comes back.

use super::{console, header, signed, signing};
use crate::help::terminal::Terminal;
use crate::rig::{Access, Nix, OURS, Rig};
use base64::Engine as _;
use std::collections::BTreeSet;

/// Enough to be cut in the middle of, few enough for the whole receipt to go through the clipboard.
const PATHS: u32 = 3_000;

/// Makes the database take some milliseconds for each signature, so that there is a middle to be cut in.
const SLOW: &str = "create trigger slow before update on ValidPaths begin \
                    select length(hex(randomblob(4000000))); end;";

/// What `y` has copied last.
fn copied(terminal: &mut Terminal) -> String {
    let before = terminal.bytes();
    terminal.keys("y");
    terminal.wait_for("copied ");
    let raw = String::from_utf8_lossy(&terminal.raw_from(before)).into_owned();
    let (_, data) = raw
        .rsplit_once("\u{1b}]52;c;")
        .expect("a clipboard sequence");
    let (data, _) = data.split_once('\u{7}').expect("its end");
    let bytes = base64::engine::general_purpose::STANDARD.decode(data);
    String::from_utf8(bytes.unwrap()).unwrap()
}

fn cut_in_the_middle(local: bool) {
    let mut rig = Rig::bulk(&Nix::of_this_machine(), PATHS);
    let planned: BTreeSet<String> = rig
        .sql("select path from ValidPaths where sigs is null;")
        .lines()
        .map(str::to_owned)
        .collect();
    let already = signed(&rig);
    rig.sql(SLOW);
    let mut terminal = console(&rig, &[Access::Root.server()]);
    if local {
        terminal.keys(":");
        terminal.wait_for("┌ Command");
        terminal.keys(&format!("key {}\r", rig.secret_key_file(OURS).display()));
        terminal.wait_for("can sign with");
    }
    signing::plan_all(&mut terminal);
    terminal.wait_for(&format!("┌ Sign {} paths", planned.len()));
    if local {
        signing::choose_key(&mut terminal, ", the file ");
        terminal.wait_for(&format!("┌ Sign {} paths", planned.len()));
    }
    terminal.keys("\r");
    terminal.until("a first signature", || signed(&rig).len() > already.len());
    rig.sshd(Access::Root).kill();
    let signed_now: BTreeSet<String> = signed(&rig).difference(&already).cloned().collect();
    assert!(
        signed_now.len() < planned.len(),
        "all {} were signed before the cut",
        planned.len()
    );
    let down = terminal.wait("that the link is down", |text| {
        header(text).contains("down, again in ")
    });
    // The screen keeps what was read.
    assert!(down.contains("3 Unsigned"), "{down}");
    let receipt = terminal.wait_for("┌ Receipt");
    // Nothing goes on being signed on a server whose sessions have ended.
    let signed_now: BTreeSet<String> = signed(&rig).difference(&already).cloned().collect();
    assert!(
        receipt.contains("result    partial") || receipt.contains("result    failed"),
        "{receipt}"
    );
    let receipt = copied(&mut terminal);
    let done = receipt
        .lines()
        .find_map(|line| line.strip_prefix("done"))
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap()
        .replace(',', "");
    let mut called_signed = 0;
    for path in &planned {
        match reported(&receipt, path) {
            None => {
                assert!(signed_now.contains(path), "{path} is called signed");
                called_signed += 1;
            }
            Some(why) if why.starts_with("not confirmed") => {}
            Some(why) => assert!(!signed_now.contains(path), "{path}: {why}"),
        }
    }
    assert_eq!(done, called_signed.to_string(), "{receipt}");
    // A change says why it cannot be made now.
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Receipt"));
    if header(&terminal.text()).contains("down, again") {
        terminal.keys("A");
        terminal.wait_for("not connected");
    }
    rig.sql("drop trigger slow;");
    rig.sshd(Access::Root).restart();
    rig.sshd(Access::Root).wait();
    // By itself: no key is pressed.
    terminal.wait("a link that is up again", |text| {
        header(text).contains("connected, ")
    });
    let left = planned.len() - signed_now.len();
    terminal.wait(&format!("{left} refused paths"), |text| {
        text.contains(&format!("3 Unsigned {left}"))
    });
    signing::plan_all(&mut terminal);
    terminal.wait_for(&format!("┌ Sign {left} paths"));
    terminal.keys("\r");
    let receipt = terminal.wait_for("result    done");
    assert!(
        receipt.contains(&format!("done      {left} paths")),
        "{receipt}"
    );
    let all: BTreeSet<String> = already.union(&planned).cloned().collect();
    assert_eq!(signed(&rig), all);
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Receipt"));
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
}

/// The receipt's reason why a path was not done, on its own line or the next; `None` if it was done.
fn reported(receipt: &str, path: &str) -> Option<String> {
    let (_, rest) = receipt.split_once(path)?;
    Some(
        rest.trim_start()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    )
}

#[test]
fn sshd_killed_while_the_server_signs() {
    cut_in_the_middle(false);
}

#[test]
fn sshd_killed_while_signatures_are_added() {
    cut_in_the_middle(true);
}
