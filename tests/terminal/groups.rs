//! What a line of the Unsigned screen names is what is signed, on a real server: as many paths as it says, and a real client takes
//! what it names. Dependencies that two groups share, a wrong signature and an unreadable path among them, each way to the key.

use super::console;
use crate::help::terminal::Terminal;
use crate::rig::{Access, OURS, Rig};

/// The top of a diamond of three more, and the shared leaf at its end.
const FIVE: [&str; 5] = ["fresh-3.1", "top-1.0", "left-1.0", "right-1.0", "leaf-1.0"];

/// `fresh-3.1` and all that it needs were uploaded unsigned, and so was `library-2.0`, which needs the leaf too. Nothing else
/// is refused.
fn unsigned(rig: &Rig) {
    let any = |names: &[&str]| {
        let like: Vec<String> = names
            .iter()
            .map(|name| format!("path like '%-{name}'"))
            .collect();
        like.join(" or ")
    };
    let six = [FIVE.as_slice(), &["library-2.0"]].concat();
    let left: Vec<&str> = rig
        .refused()
        .into_iter()
        .filter(|path| six.iter().all(|name| rig.path(name) != *path))
        .collect();
    rig.sql(&format!(
        "pragma foreign_keys = 1; delete from ValidPaths where path in ('{}'); \
         update ValidPaths set sigs = null where {}; \
         update ValidPaths set registrationTime = 1700000000; \
         update ValidPaths set registrationTime = 1700000009 where {};",
        left.join("','"),
        any(&six),
        any(&FIVE),
    ));
}

/// The paths that carry no signature by our key.
fn not_signed(rig: &Rig, names: &[&str]) -> Vec<String> {
    let signed = super::signed(rig);
    let names = names.iter().filter(|name| !signed.contains(rig.path(name)));
    names.map(|name| (*name).to_owned()).collect()
}

/// The line under the cursor.
fn current(screen: &str) -> String {
    let line = screen.lines().find(|line| line.starts_with('>'));
    line.unwrap_or_default().to_owned()
}

/// Keys from the line of a group to the dialog with its plan.
type Way = fn(&mut Terminal);

/// Steps down until the line under the cursor has these words.
fn to(terminal: &mut Terminal, words: &str) -> String {
    // Lines follow the store a moment later, and the cursor stays with the one that it is on.
    terminal.wait_for(words);
    for _ in 0..8 {
        terminal.keys("g");
        for _ in 0..6 {
            terminal.settle(std::time::Duration::from_millis(200));
            let line = current(&terminal.text());
            if line.contains(words) {
                return line;
            }
            terminal.keys("j");
        }
    }
    panic!("no line {words:?}:\n{}", terminal.text());
}

/// The screen with the group of this name under the cursor.
fn on_group(rig: &Rig, words: &str) -> Terminal {
    let mut terminal = console(rig, &[Access::Root.server()]);
    terminal.keys("3");
    terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
    to(&mut terminal, words);
    terminal
}

/// Signs what the plan on the screen says, and says how many paths that is.
fn confirm(terminal: &mut Terminal) -> (usize, String) {
    let planned = |text: &str| text.contains("┌ Sign ") && text.contains("effect");
    let plan = terminal.wait("a plan", planned);
    let words = plan.split("┌ Sign ").nth(1).unwrap_or_default();
    let count: usize = words.split(' ').next().unwrap().parse().unwrap();
    // A plan with warnings below the screen is read first.
    terminal.keys("l");
    let list = terminal.wait("the list", |text| !planned(text));
    terminal.keys("G");
    terminal.settle(std::time::Duration::from_millis(100));
    let list = format!("{plan}\n{list}\n{}", terminal.text());
    terminal.keys("\u{1b}");
    terminal.wait("the dialog", planned);
    terminal.keys("\r");
    let receipt = terminal.wait_for("┌ Receipt");
    assert!(receipt.contains("result    done"), "{receipt}");
    assert!(
        receipt.contains(&format!("done      {count} path")),
        "{receipt}"
    );
    terminal.keys("\u{1b}");
    terminal.wait("no dialog", |text| !text.contains("┌ Receipt"));
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
    (count, list)
}

/// Everything that was unsigned is again.
fn reset(rig: &Rig) {
    unsigned(rig);
    assert_eq!(not_signed(rig, &FIVE).len(), 5);
}

#[test]
fn a_group_is_signed_as_it_is_named_from_everywhere() {
    let rig = Rig::new();
    let only_ours = [rig.public_key(OURS)];
    let named = "fresh-3.1 and 4 it needs";
    let ways: [(&str, Way); 6] = [
        ("its line", |terminal| terminal.keys("s")),
        ("its line, unfolded", |terminal| {
            terminal.keys("\r");
            terminal.wait_for("    top-1.0");
            terminal.keys("s");
        }),
        ("a mark on it", |terminal| {
            terminal.keys(" ");
            terminal.wait_for(" 5 marked");
            terminal.keys("s");
        }),
        ("marks on its members", |terminal| {
            terminal.keys("\r");
            terminal.wait_for("    top-1.0");
            terminal.keys("j     ");
            terminal.wait_for(" 5 marked");
            terminal.keys("s");
        }),
        ("its page", |terminal| {
            terminal.keys("\r");
            terminal.wait_for("    top-1.0");
            terminal.keys("j\r");
            terminal.wait_for("refused");
            terminal.keys("s");
        }),
        ("the overview", |terminal| {
            terminal.keys("1");
            terminal.wait_for(" Trust ");
            to(terminal, "would be refused");
            terminal.keys("\r");
            let screen = terminal.wait_for("WHAT CLIENTS WOULD REFUSE");
            assert!(
                current(&screen).contains("fresh-3.1 and 4 it needs"),
                "{screen}"
            );
            terminal.keys("s");
        }),
    ];
    for (way, keys) in ways {
        reset(&rig);
        let mut terminal = on_group(&rig, named);
        keys(&mut terminal);
        assert_eq!(confirm(&mut terminal).0, 5, "from {way}");
        assert_eq!(not_signed(&rig, &FIVE), [""; 0], "from {way}");
        let fresh = rig.path("fresh-3.1");
        assert_eq!(
            rig.client_accepts_with(fresh, &only_ours),
            Ok(()),
            "from {way}"
        );
    }
}

#[test]
fn a_line_of_one_path_signs_that_and_names_what_it_leaves() {
    let rig = Rig::new();
    reset(&rig);
    let mut terminal = on_group(&rig, "fresh-3.1 and 4 it needs");
    terminal.keys("\r");
    terminal.wait_for("    top-1.0");
    to(&mut terminal, "    top-1.0");
    terminal.keys("s");
    let (count, said) = confirm(&mut terminal);
    assert_eq!(count, 1);
    assert!(
        said.contains("3 paths that these need would still be refused"),
        "{said}"
    );
    assert_eq!(
        not_signed(&rig, &FIVE),
        ["fresh-3.1", "left-1.0", "right-1.0", "leaf-1.0"]
    );
    // What is left has a line that says so.
    let mut terminal = on_group(&rig, "fresh-3.1 and 3 it needs");
    terminal.keys("s");
    assert_eq!(confirm(&mut terminal).0, 4);
    assert_eq!(not_signed(&rig, &FIVE), [""; 0]);
}

#[test]
fn what_two_groups_share_is_signed_with_each() {
    let rig = Rig::new();
    reset(&rig);
    let only_ours = [rig.public_key(OURS)];
    // The leaf is in the newer group too.
    let mut terminal = on_group(&rig, "library-2.0 and 1 it needs");
    terminal.keys("s");
    assert_eq!(confirm(&mut terminal).0, 2);
    assert_eq!(not_signed(&rig, &["library-2.0", "leaf-1.0"]), [""; 0]);
    let library = rig.path("library-2.0");
    assert_eq!(rig.client_accepts_with(library, &only_ours), Ok(()));
    let mut terminal = on_group(&rig, "fresh-3.1 and 3 it needs");
    terminal.keys("s");
    assert_eq!(confirm(&mut terminal).0, 4);
    let fresh = rig.path("fresh-3.1");
    assert_eq!(rig.client_accepts_with(fresh, &only_ours), Ok(()));
    // What is accepted between two that are refused hides nothing.
    reset(&rig);
    let between = ["left-1.0", "right-1.0", "top-1.0"].map(|name| rig.path(name));
    rig.ask(&format!("sign root {} --yes", between.join(" ")), 0);
    let mut terminal = on_group(&rig, "fresh-3.1 and 1 it needs");
    terminal.keys("s");
    assert_eq!(confirm(&mut terminal).0, 2);
    assert_eq!(rig.client_accepts_with(fresh, &only_ours), Ok(()));
}

#[test]
fn what_signing_a_group_does_not_mend_is_named() {
    let rig = Rig::new();
    reset(&rig);
    // A signature of another path.
    let left = rig.path("left-1.0");
    rig.sql(&format!(
        "update ValidPaths set sigs = (select sigs from ValidPaths where path like '%-rotated-1.0') where path = '{left}';"
    ));
    let mut terminal = on_group(&rig, "fresh-3.1 and 3 it needs");
    assert!(
        current(&terminal.text()).contains("needs a bad path"),
        "{}",
        terminal.text()
    );
    terminal.keys("s");
    let (count, said) = confirm(&mut terminal);
    assert_eq!(count, 4);
    assert!(
        said.contains("1 path that these need would still be refused"),
        "{said}"
    );
    assert_eq!(
        not_signed(&rig, &["fresh-3.1", "top-1.0", "right-1.0", "leaf-1.0"]),
        [""; 0]
    );
    // A content address that is another path's.
    reset(&rig);
    rig.sql(&format!(
        "update ValidPaths set ca = 'fixed:r:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s' where path = '{left}';"
    ));
    let mut terminal = on_group(&rig, "fresh-3.1 and 3 it needs");
    terminal.keys("s");
    assert_eq!(confirm(&mut terminal).0, 4);
    // A path that can't be read.
    reset(&rig);
    rig.sql(&format!(
        "update ValidPaths set ca = null, deriver = 'x' where path = '{left}';"
    ));
    let mut terminal = on_group(&rig, "fresh-3.1 and 3 it needs");
    terminal.keys("s");
    let (count, said) = confirm(&mut terminal);
    assert_eq!(count, 4);
    assert!(
        said.contains("1 path that these need could not be judged"),
        "{said}"
    );
}

#[test]
fn a_search_signs_what_it_shows() {
    let rig = Rig::new();
    reset(&rig);
    let mut terminal = on_group(&rig, "fresh-3.1 and 4 it needs");
    terminal.keys(":filter refused\r");
    terminal.wait_for("[refused]");
    terminal.keys("/-1.0\r");
    terminal.wait("four rows", |text| {
        text.contains("leaf-1.0") && !text.contains("fresh-3.1")
    });
    terminal.mark_all();
    terminal.wait_for(" 4 marked");
    terminal.keys("s");
    assert_eq!(confirm(&mut terminal).0, 4);
    assert_eq!(not_signed(&rig, &FIVE), ["fresh-3.1"]);
}

#[test]
fn the_command_line_signs_the_path_or_its_closure() {
    let rig = Rig::new();
    for (flags, count, left) in [("", 1, 4), (" --closure", 5, 0)] {
        reset(&rig);
        let fresh = rig.path("fresh-3.1");
        let receipt = rig.ask(&format!("sign root {fresh}{flags} --yes"), 0);
        assert_eq!(receipt["receipt"]["done"], count, "{receipt}");
        assert_eq!(not_signed(&rig, &FIVE).len(), left, "{receipt}");
    }
}

/// Of a path that is accepted itself, its row and its page show the verdict of `why` on all that it needs, and the signing dialog
/// begins with the closure.
#[test]
fn a_path_that_is_refused_for_what_it_needs_says_so_and_is_signed_with_its_closure() {
    let rig = Rig::new();
    let only_ours = [rig.public_key(OURS)];
    let application = rig.path("application-2.0");
    let on_row = |text: &str| current(text).contains("application-2.0");
    for keys in ["", "\r"] {
        reset(&rig);
        assert!(rig.client_accepts_with(application, &only_ours).is_err());
        let why = rig.ask(&format!("why root {application}"), 1);
        assert_eq!(why["wouldCopy"], false, "{why}");
        let mut terminal = console(&rig, &[Access::Root.server()]);
        terminal.keys("2/application-2.0\r");
        let row = terminal.wait("its row", on_row);
        assert!(current(&row).contains(" ours"), "{row}");
        assert!(row.contains("closure refused; "), "{row}");
        terminal.keys(keys);
        if !keys.is_empty() {
            let page = terminal.wait("a page", |text| text.contains("Needed by"));
            let closure = page.lines().find(|line| line.contains(" closure "));
            let closure = closure.unwrap_or_default();
            assert!(closure.contains("refused for what it needs"), "{page}");
        }
        terminal.keys("s");
        assert_eq!(confirm(&mut terminal).0, 2, "after {keys:?}");
        assert_eq!(not_signed(&rig, &["library-2.0", "leaf-1.0"]), [""; 0]);
        assert_eq!(rig.client_accepts_with(application, &only_ours), Ok(()));
        let why = rig.ask(&format!("why root {application}"), 0);
        assert_eq!(why["wouldCopy"], true, "{why}");
        let mut terminal = console(&rig, &[Access::Root.server()]);
        terminal.keys("2/application-2.0\r");
        let row = terminal.wait("its row", on_row);
        assert!(!row.contains("closure refused"), "{row}");
        terminal.keys("\r");
        let page = terminal.wait("a page", |text| text.contains("Needed by"));
        assert!(page.contains("closure     accepted; "), "{page}");
    }
}
