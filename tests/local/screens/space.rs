//! Screen 5 and what of space stands elsewhere: how it looks, and the ways from a key to a confirmed change.

use crate::fixture::snapshot::{dump, snap};
use crate::fixture::space::{PINS, POLICY, blind, compared, full, known, no_times, sampled};
use crate::fixture::{
    Console, any_key, large_store, model, now, path, receipt, store, store_shuffled,
};
use crate::help::processor_time;
use proptest::prelude::*;
use std::sync::Arc;
use storekeeper::change::{Freed, Item, Outcome, Receipt};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::model::Model;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::screens::check::Target;
use storekeeper::console::screens::space::state::View;
use storekeeper::console::types::problem::Problem;
use storekeeper::console::types::screen::Screen;
use storekeeper::console::types::space::SpaceSnapshot;
use storekeeper::console::widgets::theme::Glyphs;
use storekeeper::domain::When;
use storekeeper::inventory::Builder;

const SMALL: (u16, u16) = (80, 24);

/// Rules by which the small store has something that goes.
const RULES: &str = ":newest<enter>:until<enter>:grace 1h<enter>";

fn on(size: (u16, u16), theme: &str, read_only: bool, known: SpaceSnapshot) -> Console {
    let mut console = Console::with_space(size, theme, read_only, known);
    console.keys("5");
    console
}

/// Connected, with nothing read of the store.
fn unread(size: (u16, u16), theme: &str, known: SpaceSnapshot) -> Console {
    let mut console = Console::new(model(size, theme, false));
    console.space = Some(known);
    console.connect();
    console
}

fn ready() -> Console {
    let mut console = on(SMALL, "dark", false, known());
    console.keys(RULES);
    console
}

fn after(known: fn() -> SpaceSnapshot, keys: &'static str) -> impl Fn((u16, u16), &str) -> Model {
    move |size, theme| {
        let mut console = on(size, theme, false, known());
        console.keys(keys);
        console.model
    }
}

fn planned(known: fn() -> SpaceSnapshot, keys: &'static str) -> impl Fn((u16, u16), &str) -> Model {
    move |size, theme| {
        let mut console = on(size, theme, false, known());
        console.keys(RULES);
        console.keys(keys);
        console.model
    }
}

fn text(console: &Console) -> String {
    dump(&draw(&console.model))
}

/// The names of what goes, in the order of the list.
fn goes(console: &Console) -> Vec<String> {
    let space = &console.model.space;
    let inventory = &space.assessment.as_ref().unwrap().inventory;
    (0..space.rows())
        .filter_map(|at| space.plan_row(at))
        .map(|row| inventory.name(row).to_owned())
        .collect()
}

#[test]
fn plan() {
    snap("space-plan", planned(known, "j"));
}

#[test]
fn plan_by_the_usual_rules() {
    snap("space-plan-nothing", after(known, ""));
}

#[test]
fn every_path() {
    snap("space-plan-paths", planned(known, "l"));
}

#[test]
fn form() {
    snap("space-form", planned(known, "e<tab>1T<tab><tab>30x"));
}

#[test]
fn rules_that_cannot_be_read_have_no_list() {
    let mut console = ready();
    let row = console.model.space.current_row();
    assert!(row.is_some());
    console.keys("e20");
    assert!(
        text(&console).contains("write 20% or 20G"),
        "{}",
        text(&console)
    );
    assert!(
        !text(&console).contains("orphan-tool"),
        "{}",
        text(&console)
    );
    assert_eq!(console.model.space.current_row(), None);
    console.keys("<esc>");
    assert_eq!(console.model.space.current_row(), row);
}

#[test]
fn plan_without_times() {
    snap("space-plan-no-times", planned(no_times, ""));
}

#[test]
fn roots() {
    snap("space-roots", after(known, "<right>"));
}

#[test]
fn expired_pin() {
    snap("space-roots-expired", after(known, "<right>G"));
}

#[test]
fn heaviest() {
    snap("space-heaviest", after(known, "<right><right>j"));
}

#[test]
fn growth() {
    snap("space-growth", after(known, "<left>"));
}

#[test]
fn growth_by_samples() {
    snap("space-growth-sampled", after(sampled, "<left>"));
    snap("space-overview-sampled", after(sampled, "1"));
}

#[test]
fn samples_tell_of_growth_before_the_store_is_read() {
    for (known, reported) in [(sampled as fn() -> SpaceSnapshot, true), (known, false)] {
        let mut console = unread(SMALL, "dark", known());
        console.keys("5<left>");
        let shown = text(&console);
        assert_eq!(
            shown.contains("as seen from here, 42 days"),
            reported,
            "{shown}"
        );
        assert_eq!(shown.contains("worked out when"), !reported, "{shown}");
        console.keys("1");
        assert_eq!(
            text(&console).contains("a day in use; full in about"),
            reported
        );
        console.load(store(usize::MAX));
        assert!(text(&console).contains(if reported { "in use" } else { "uploaded" }));
    }
}

#[test]
fn full_disk() {
    snap("space-full", after(full, "<left>"));
}

#[test]
fn hardly_anything_known() {
    snap("space-blind", after(blind, "<left>"));
    snap("space-blind-plan", after(blind, ""));
}

#[test]
fn loading() {
    snap("space-loading", |size, theme| {
        let mut console = unread(size, theme, known());
        console.send(Msg::Inventory {
            generation: 1,
            inventory: Arc::new(store(5)),
            loading: true,
            kept: None,
        });
        console.keys("5");
        console.model
    });
}

#[test]
fn an_empty_store_says_so() {
    let mut console = unread(SMALL, "dark", known());
    console.load(Builder::new(Vec::new()).finish());
    console.keys("5");
    assert!(text(&console).contains("The store is empty."));
}

#[test]
fn not_asked_yet() {
    snap("space-asking", |size, theme| {
        let mut console = Console::ready(size, theme, false);
        console.keys("5");
        console.model
    });
}

#[test]
fn not_answered() {
    snap("space-trouble", |size, theme| {
        let mut console = Console::ready(size, theme, false);
        let look = console.model.space.look;
        let why = "cache.example.org did not answer (sh: not found); log in as a user with a shell";
        console.send(Msg::Space(screens::space::Msg::Snapshot {
            look,
            known: Err(Problem::say(why)),
        }));
        console.keys("5");
        console.model
    });
}

#[test]
fn overview() {
    snap("space-overview", after(full, "1"));
}

#[test]
fn store_list() {
    snap("space-store", after(known, "2j"));
}

#[test]
fn path_page() {
    snap("space-path", after(known, "2/ledger-4.1<enter><enter>"));
}

#[test]
fn why() {
    snap("space-why", after(known, "2/openssl<enter>w"));
}

#[test]
fn collect_dialog() {
    snap("space-collect", planned(known, "x<enter>coll"));
}

#[test]
fn whole_dialog() {
    snap("space-whole", after(known, "W"));
}

#[test]
fn generations_dialog() {
    snap("space-generations", after(known, "O"));
    snap("space-generations-age", after(known, "Oe<backspace>x"));
    snap(
        "space-generations-wrong",
        after(known, "Oe<backspace>x<enter>"),
    );
}

#[test]
fn pin_dialog() {
    snap("space-pin", after(known, "2/storefront-1<enter>p"));
}

#[test]
fn unpin_dialog() {
    snap("space-unpin", after(known, "<right>Gd"));
}

#[test]
fn all_that_is_dead_goes_whatever_the_rules_say() {
    let mut console = on(SMALL, "dark", false, known());
    assert!(goes(&console).is_empty(), "the rules keep all of it");
    console.keys("W");
    let shown = text(&console);
    assert!(
        shown.contains("this is what nix-collect-garbage does"),
        "{shown}"
    );
    console.keys("<enter><enter>");
    assert!(console.runs.is_empty(), "it takes the word");
    console.keys("collect<enter>");
    let (_, plan) = &console.runs[0];
    let assessment = console.model.space.assessment.as_ref().unwrap();
    assert_eq!(plan.items.len(), assessment.liveness.dead().0);
    assert!(
        plan.warnings
            .iter()
            .any(|text| text == storekeeper::change::collect::WHOLE)
    );
    // It is planned anew each time, by the same rules.
    assert!(goes(&console).is_empty());
}

#[test]
fn generations_go_by_an_age_and_a_word() {
    let mut console = on(SMALL, "dark", false, known());
    // The one that was in use 30 days ago stays.
    console.keys("O<enter>remove<enter>");
    let links = |console: &Console| -> Vec<String> {
        let (_, plan) = console.runs.last().unwrap();
        assert_eq!(plan.change, "remove-root");
        plan.items.iter().map(ToString::to_string).collect()
    };
    assert_eq!(links(&console).len(), 1);
    assert!(links(&console)[0].contains("system-10-link"));
    console.keys(":generations 10d<enter><enter>remove<enter>");
    assert_eq!(console.runs.len(), 2);
    assert_eq!(links(&console).len(), 2);
    // From any screen, and the age is edited in place.
    console.keys("2:generations 365d<enter>");
    let shown = text(&console);
    assert!(
        shown.contains("no generation of a profile is older"),
        "{shown}"
    );
    console
        .keys("<enter>e<backspace><backspace><backspace><backspace>70d<enter><enter>remove<enter>");
    assert_eq!(console.runs.len(), 2, "nothing but the one in use is older");
    console.keys("<esc>");
    console.keys("O");
    for _ in 0..9 {
        console.keys("e<backspace><enter>");
    }
    assert!(
        !text(&console).contains("Making the plan"),
        "an empty age is reported"
    );
    console.keys("<enter><esc>");
    assert_eq!(console.runs.len(), 2);
}

/// All paths are compared, and this is found.
fn verified(console: &mut Console, corrupt: &[&str], failed: &[&str]) {
    console.keys("C<enter>");
    let (job, rows) = console.comparisons.last().cloned().unwrap();
    assert_eq!(rows, None);
    console.send(Msg::Activity(screens::activity::Msg::Compared {
        job,
        paths: None,
        comparison: Box::new(compared(corrupt, failed)),
    }));
}

#[test]
fn a_chosen_path_is_deleted_by_its_word_and_what_is_alive_is_not() {
    let mut console = on(SMALL, "dark", false, known());
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
        crate::fixture::access::known(crate::fixture::access::facts()),
    ))));
    // A root keeps it: the dialog names the root.
    console.keys("2/storefront-2<enter><delete>");
    let shown = text(&console);
    assert!(
        shown.contains("keeps") && shown.contains("storefront-2.0"),
        "{shown}"
    );
    console.keys("<enter><esc><esc>");
    assert!(console.runs.is_empty());
    // Nothing keeps it. What was marked counts, else what is under the cursor.
    console.keys("2/orphan<enter><delete><enter>delet<enter>");
    assert!(console.runs.is_empty());
    console.keys("e<enter>");
    let plan = &console.runs[0].1;
    let names: Vec<&str> = plan
        .items
        .iter()
        .filter_map(Item::path)
        .map(storekeeper::domain::StorePath::name)
        .collect();
    assert_eq!((plan.change, names), ("delete", vec!["orphan-tool-0.1"]));
    assert!(
        !plan.warnings.is_empty(),
        "who may have it, or that it is not known"
    );
}

#[test]
fn delete_dialog() {
    snap("space-delete-path", |size: (u16, u16), theme: &str| {
        let mut console = on(size, theme, false, known());
        console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
            crate::fixture::access::known(crate::fixture::access::facts()),
        ))));
        console.keys("2/orphan<enter>E");
        console.model
    });
}

#[test]
fn contents() {
    let show = |keys: &'static str| {
        move |size: (u16, u16), theme: &str| {
            let mut console = on(size, theme, false, known());
            verified(&mut console, &["storefront-1.0"], &["curl-8.7.1"]);
            console.keys(keys);
            console.model
        }
    };
    snap("contents-found", show(""));
    snap("contents-activity", show("<esc>6"));
    snap("contents-repair", show("H"));
    snap("contents-delete", show("X<enter>dele"));
}

#[test]
fn contents_being_compared() {
    snap("contents-running", |size, theme| {
        let mut console = on(size, theme, true, known());
        console.keys("C<enter>");
        let (job, _) = console.comparisons[0];
        console.send(Msg::Activity(screens::activity::Msg::Progress {
            job,
            done: 5,
            total: 14,
            note: "60.0 MiB of 152 MiB, 20.0 MiB a second, 4s left".to_owned(),
        }));
        console.keys("6");
        console.model
    });
}

#[test]
fn marked_paths_or_the_one_under_the_cursor_are_verified_also_when_nothing_may_be_changed() {
    let mut console = on(SMALL, "dark", true, known());
    console.keys("2/curl<enter>V");
    let curl = console.row("curl-8.7.1");
    assert_eq!(console.comparisons[0].1, Some(vec![curl]));
    assert_eq!(
        console.model.activity.jobs[0].title,
        "verify curl-8.7.1 (1.0 MiB)"
    );
    console.keys("V");
    let said = console.model.toast.clone().unwrap();
    assert!(said.contains("being verified already"), "{said}");
    let (job, _) = console.comparisons[0];
    console.keys("6c");
    assert!(
        console
            .asked
            .iter()
            .any(|asked| *asked == format!("Cancel({job})"))
    );
    console.send(Msg::Activity(screens::activity::Msg::Compared {
        job,
        paths: Some(vec![path("curl-8.7.1")]),
        comparison: Box::new(
            storekeeper::console::screens::activity::comparison::Comparison {
                cancelled: true,
                ..compared(&["curl-8.7.1"], &[])
            },
        ),
    }));
    let shown = text(&console);
    assert!(
        shown.contains("result    damaged") && shown.contains("Stopped on request"),
        "{shown}"
    );
    // What is found may be looked at, and not be fixed.
    for key in ["H", "X"] {
        console.keys(key);
        let said = console.model.toast.clone().unwrap_or_default();
        assert!(said.contains("read-only"), "{said}");
    }
    console.keys("<esc>2<esc><esc>  V");
    assert_eq!(
        console.comparisons.last().unwrap().1.as_ref().map(Vec::len),
        Some(2)
    );
    console.keys("<enter>");
    assert!(console.runs.is_empty());
}

#[test]
fn much_is_verified_only_after_a_question() {
    let mut console = on(SMALL, "dark", true, known());
    // Some 60 GiB.
    console.load(large_store(4000));
    console.keys("2*V");
    let asks = matches!(console.model.layers.last(), Some(Layer::Verify(_)));
    assert!(asks, "{}", text(&console));
    console.send(Msg::Held("enter".parse().unwrap()));
    assert!(console.comparisons.is_empty());
    console.keys("<esc>V<enter>");
    let rows = console.comparisons[0].1.as_ref().unwrap();
    assert_eq!(rows.len(), 4000);
}

/// A server that changes is read again and again; what was read before is whole, unless it is of an earlier day.
#[test]
fn all_is_verified_while_the_store_is_read_again() {
    for (kept, asks) in [(None, true), (Some(now()), false)] {
        let mut console = on(SMALL, "dark", true, known());
        console.keys("5C");
        console.model.cx.data.loading = true;
        console.model.cx.data.kept = kept;
        console.keys("<enter>");
        assert_eq!(console.comparisons.len(), usize::from(asks), "{kept:?}");
    }
}

/// The plan of the timer is shown, and run from here; the rules come back with the same key, and with any rule.
#[test]
fn the_policy_of_the_server_plans() {
    snap("space-policy", after(known, "P"));
    let mut console = ready();
    let by_rules = goes(&console);
    console.keys("P");
    let shown = text(&console);
    assert!(
        shown.contains("by the server's policy: 1 project"),
        "{shown}"
    );
    let by_policy = goes(&console);
    assert_ne!(by_policy, by_rules);
    assert!(
        by_policy.contains(&"storefront-1.0".to_owned()),
        "{by_policy:?}"
    );
    console.keys("P");
    assert_eq!(goes(&console), by_rules);
    console.keys("Pe<esc>");
    assert_eq!(
        goes(&console),
        by_rules,
        "whoever edits the rules plans by them"
    );
    console.keys("P:newest 3<enter>");
    assert!(!console.model.space.by_policy);
    console.keys("Px");
    assert!(
        text(&console).contains("what the policy of the server keeps"),
        "{}",
        text(&console)
    );
    console.keys("<enter>collect<enter>");
    assert_eq!(console.runs.len(), 1);
    let mut none = known();
    none.policy = Ok(None);
    let mut console = on(SMALL, "dark", false, none);
    console.keys("P");
    let toast = console.model.toast.clone().unwrap();
    assert!(toast.contains("no retention policy"), "{toast}");
    assert!(!console.model.space.by_policy);
}

/// The editor's turn: what it leaves is shown with each line that changes and what the next run takes; what is no policy is kept for the
/// next time, and so is what was not confirmed.
#[test]
fn the_policy_is_edited() {
    let edited = POLICY.replace("newest = 2", "newest = 1");
    let of = |left: &str| {
        let (left, mut console) = (left.to_owned(), ready());
        console.typed.push(left);
        console.keys("E");
        console
    };
    snap("space-policy-edited", |size, theme| {
        let mut console = on(size, theme, false, known());
        console.typed.push(edited.clone());
        console.keys("E");
        console.model
    });
    let mut console = of(&edited);
    let shown = text(&console);
    for part in ["newest = 2", "newest = 1", "paths"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    console.keys("<enter>");
    let [(job, plan)] = console.runs.as_slice() else {
        panic!("{:?}", console.runs)
    };
    assert_eq!(plan.change, "set-retention");
    let (job, draft) = (*job, console.model.space.draft.clone());
    assert_eq!(draft, Some(edited.clone()));
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: receipt(Outcome::Done, 1),
    }));
    assert_eq!(console.model.space.draft, None);

    let wrong = "[default]\nnewset = 1\n";
    let mut console = of(wrong);
    let shown = text(&console);
    assert!(
        shown.contains("line 2") && shown.contains("newset"),
        "{shown}"
    );
    // Again, from the palette: it begins with what was written, which the editor leaves as it is.
    console.keys("<esc>1:space.edit-policy<enter>");
    let toast = console.model.toast.clone().unwrap_or_default();
    assert!(toast.contains("another screen"), "{toast}");
    console.keys("5E");
    assert!(text(&console).contains("newset"));
    console.typed.push(POLICY.to_owned());
    console.keys("<esc>:edit the retention<enter>");
    assert_eq!(console.model.space.draft, None);
    let toast = console.model.toast.clone().unwrap_or_default();
    assert!(toast.contains("was not changed"), "{toast}");
    assert!(console.runs.is_empty());
    let mut looking = ready();
    looking.model.cx.policy.read_only = true;
    looking.keys("E");
    assert!(
        looking
            .model
            .toast
            .unwrap_or_default()
            .contains("read-only")
    );
}

/// From the palette and by its key; one key press confirms, since nothing is taken away.
#[test]
fn the_database_is_vacuumed_by_a_plan() {
    snap("space-vacuum", after(known, "D"));
    let mut console = on(SMALL, "dark", false, known());
    console.keys(":vacuum<enter>");
    let shown = text(&console);
    assert!(shown.contains("384 MiB of 810 MiB come free"), "{shown}");
    assert!(console.runs.is_empty());
    console.keys("<enter>");
    let (job, plan) = console.runs[0].clone();
    assert_eq!((plan.change, plan.items.len()), ("vacuum", 1));
    // It is done: what fills the disk is looked at anew, and the receipt says what came free.
    let before = console.model.space.look;
    let mut done = receipt(Outcome::Done, 1);
    done.freed = Some(storekeeper::change::Freed::counted(384 << 20));
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: done,
    }));
    assert!(text(&console).contains("384 MiB"), "{}", text(&console));
    assert_ne!(console.model.space.look, before);
    let mut looking = console;
    looking.model.cx.policy.read_only = true;
    looking.keys("<esc>D");
    assert!(looking.model.toast.clone().unwrap().contains("read-only"));
    assert_eq!(looking.runs.len(), 1);
}

#[test]
fn what_is_damaged_is_repaired_or_deleted_by_a_plan() {
    let mut console = on(SMALL, "dark", false, known());
    console.keys("H");
    assert!(
        console
            .model
            .toast
            .clone()
            .unwrap()
            .contains("known to be damaged")
    );
    verified(
        &mut console,
        &["storefront-1.0", "ledger-4.0", "glibc-2.39"],
        &[],
    );
    // What a root keeps is not deleted.
    console.keys("X");
    let shown = text(&console);
    assert!(shown.contains("repaired instead"), "{shown}");
    console.keys("<enter><esc>H<enter>");
    let (job, plan) = console.runs[0].clone();
    assert_eq!((plan.change, plan.items.len()), ("repair", 3));
    let mut some = receipt(Outcome::Partial, 1);
    some.failed = ["storefront-1.0", "ledger-4.0"]
        .map(|name| storekeeper::change::Failure {
            item: path(name).to_string(),
            message: "no substituter has it".to_owned(),
        })
        .to_vec();
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: some,
    }));
    // What could not be repaired is deleted, by its word, with what refers to it.
    console.keys("<esc>:verify.delete<enter><enter>delete<enter>");
    let (job, plan) = console.runs[1].clone();
    let names: Vec<&str> = plan
        .items
        .iter()
        .filter_map(Item::path)
        .map(storekeeper::domain::StorePath::name)
        .collect();
    assert_eq!(names, ["storefront-1.0", "ledger-4.0"]);
    assert_eq!(plan.change, "delete");
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: receipt(Outcome::Done, 2),
    }));
    assert!(console.model.space.damaged.is_empty());
    console.keys("<esc>X");
    assert!(
        console
            .model
            .toast
            .clone()
            .unwrap()
            .contains("known to be damaged")
    );
}

#[test]
fn the_rules_change_the_plan_at_once() {
    let mut console = ready();
    assert_eq!(
        goes(&console),
        ["storefront-1.0", "ledger-cli-4.1", "orphan-tool-0.1"],
        "least recently used first"
    );
    console.keys("e<tab><tab><tab>30d");
    assert_eq!(goes(&console), ["storefront-1.0"]);
    console.keys("<esc>");
    assert_eq!(goes(&console).len(), 3, "esc takes the change back");
    console.keys("e3d<enter>");
    assert!(console.model.space.form.focus.is_none());
    assert_eq!(console.runs.len(), 0);
}

#[test]
fn keys_that_edit_a_rule_do_nothing_else() {
    let mut console = ready();
    console.keys("exqp2");
    assert!(!console.model.quit && console.model.layers.is_empty());
    assert_eq!(
        console
            .model
            .space
            .form
            .problem
            .as_ref()
            .map(|(_, why)| why.contains("xqp2")),
        Some(true)
    );
    console.keys("<enter>");
    assert!(
        console.model.toast.is_some(),
        "what cannot be read is not kept"
    );
    console.keys("<esc>x");
    assert!(matches!(console.model.layers.last(), Some(Layer::Plan(_))));
}

#[test]
fn an_older_plan_does_not_replace_a_newer_one() {
    let mut console = ready();
    let old = console.model.space.planned.clone().unwrap();
    let request_id = console.model.space.request_id;
    console.keys(":older 30d<enter>");
    console.send(Msg::Space(screens::space::Msg::Planned {
        request_id,
        planned: Box::new(old),
    }));
    assert_eq!(goes(&console), ["storefront-1.0"]);
}

#[test]
fn collecting_takes_the_word() {
    let mut console = ready();
    console.keys("x<enter><enter><enter>");
    assert!(console.runs.is_empty());
    console.keys("collec<enter>");
    assert!(console.runs.is_empty());
    console.send(Msg::Paste("t".to_owned()));
    console.keys("<enter>");
    assert!(console.runs.is_empty(), "a pasted word confirms nothing");
    console.keys("t");
    console.send(Msg::Held("enter".parse().unwrap()));
    assert!(console.runs.is_empty(), "a key held down confirms nothing");
    console.keys("<enter>");
    let (job, plan) = console.runs[0].clone();
    assert_eq!(plan.change, "gc");
    let names: Vec<String> = plan
        .items
        .iter()
        .map(|item| match item {
            Item::Collect { path, .. } => path.name().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        names,
        [
            "storefront-1.0",
            "ledger-4.0",
            "ledger-cli-4.1",
            "orphan-tool-0.1"
        ]
    );
    console.asked.clear();
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: Receipt {
            freed: Some(Freed::counted(55 << 20)),
            not_done: 0,
            gone: None,
            ..receipt(Outcome::Done, 4)
        },
    }));
    let shown = text(&console);
    assert!(
        shown.contains("freed     55.0 MiB, planned 40.2 MiB to 64.2 MiB"),
        "{shown}"
    );
    assert!(
        console
            .asked
            .iter()
            .any(|asked| asked.starts_with("Space(Read")),
        "what is shown is looked at anew"
    );
}

#[test]
fn a_path_is_pinned() {
    let mut console = on(SMALL, "dark", false, known());
    console.keys("2/storefront-1<enter>pe30d<enter>");
    assert!(
        console.runs.is_empty(),
        "the key that ends a text confirms nothing"
    );
    console.keys("rfor the audit<enter>n-x<enter><enter>");
    let plan = &console.runs[0].1;
    assert_eq!(plan.change, "pin");
    assert_eq!(plan.reason.as_deref(), Some("for the audit"));
    // 30 days from the 21st of September.
    let end = now().unix() + 30 * 86_400;
    assert_eq!(
        plan.items,
        [Item::Pin {
            pin: "storefront-1.0-x".parse().unwrap(),
            path: path("storefront-1.0"),
            reason: Some("for the audit".to_owned()),
            expires: Some(When::from_unix(end)),
        }]
    );
}

#[test]
fn marked_paths_are_pinned_together_from_the_planner() {
    let mut console = ready();
    console.keys("<space><space>p<enter>");
    let names: Vec<&str> = console.runs[0]
        .1
        .items
        .iter()
        .map(|item| match item {
            Item::Pin { path, .. } => path.name(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&"storefront-1.0") && names.contains(&"ledger-cli-4.1"));
}

#[test]
fn a_pin_and_a_generation_are_removed_and_a_process_is_not() {
    let mut console = on(SMALL, "dark", false, known());
    console.keys("<right>");
    let mut said = Vec::new();
    for _ in 0..console.model.space.rows() {
        let line = console.model.space.current_root().unwrap().clone();
        console.keys("d");
        let opened = matches!(console.model.layers.last(), Some(Layer::Plan(_)));
        said.push((line.root.kind.word(), opened));
        if opened {
            console.keys("<esc>");
        } else {
            assert!(console.model.toast.is_some());
        }
        console.keys("j");
    }
    for (kind, opened) in said {
        let expected = matches!(kind, "pin" | "generation" | "indirect");
        assert_eq!(opened, expected, "{kind}");
    }
    console.keys("G");
}

#[test]
fn the_chain_from_a_root() {
    let mut console = on(SMALL, "dark", false, known());
    console.keys("2/openssl<enter>w");
    let shown = text(&console);
    assert!(shown.contains("openssl-3.0.13"), "{shown}");
    assert!(shown.contains("keeps "), "{shown}");
    console.keys("<esc><esc>/orphan<enter>w");
    assert!(text(&console).contains("Nothing keeps orphan-tool-0.1"));
}

#[test]
fn filters_and_order_by_use() {
    let mut console = on(SMALL, "dark", false, known());
    console.keys(":filter dead<enter>");
    assert_eq!(
        console.listed(),
        [
            "ledger-4.0",
            "ledger-4.2-doc",
            "ledger-cli-4.1",
            "orphan-tool-0.1",
            "storefront-1.0"
        ]
    );
    console.keys(":filter dead used:>30d<enter>");
    assert_eq!(console.listed(), ["ledger-4.0", "storefront-1.0"]);
    console.keys(":filter dead<enter>:sort used<enter>O");
    assert_eq!(console.listed()[2], "ledger-cli-4.1");
    console.keys(":filter pinned<enter>");
    assert!(console.listed().contains(&"ledger-4.1".to_owned()));
    assert!(!console.listed().contains(&"storefront-1.0".to_owned()));
}

#[test]
fn the_cursor_stays_on_its_path_and_root() {
    let mut console = ready();
    console.keys("jj");
    let (row, name) = (console.model.current_row(), console.current());
    console.load(store_shuffled("ledger-4.2-doc"));
    assert_ne!(console.model.current_row(), row, "rows have other numbers");
    assert_eq!(console.current(), name);
    console.keys("<right>j");
    let link = console
        .model
        .space
        .current_root()
        .unwrap()
        .root
        .link
        .clone();
    let mut newer = known();
    let roots = newer.roots.as_mut().unwrap();
    roots.retain(|root| !root.link.ends_with("/release"));
    console.space = Some(newer);
    console.keys("R");
    console.send(Msg::Up(Arc::new(crate::fixture::facts())));
    assert_eq!(console.model.space.current_root().unwrap().root.link, link);
}

#[test]
fn a_line_of_the_overview_leads_to_its_pin_and_back() {
    let mut console = on(SMALL, "dark", false, known());
    console.keys("<right>G1");
    let lines = storekeeper::console::screens::overview::view::lines(&console.model.inputs());
    let pin = lines.iter().enumerate().find_map(|(at, line)| {
        if let Some(Target::Pin(name)) = &line.target {
            return Some((at, name.clone()));
        }
        None
    });
    let (at, name) = pin.unwrap();
    console.keys(&format!("g{}<enter>", "j".repeat(at)));
    let root = console.model.space.current_root().unwrap();
    assert_eq!(root.root.link, format!("{PINS}/{name}"));
    console.keys("<esc>");
    assert_eq!(console.model.screen, Screen::Overview);
    assert_eq!(console.model.overview.list.cursor, at);
}

#[test]
fn the_cursor_stays_on_its_line_when_one_above_it_goes() {
    let mut console = ready();
    console.keys("<right>Gk");
    let link = |console: &Console, at: usize| {
        let assessment = console.model.space.assessment.as_ref().unwrap();
        assessment.roots[at].root.link.clone()
    };
    let at = console.model.space.roots.cursor;
    let (first, own) = (link(&console, 0), link(&console, at));
    assert_ne!(first, own);
    let mut newer = known();
    newer
        .roots
        .as_mut()
        .unwrap()
        .retain(|root| root.link != first);
    console.space = Some(newer);
    console.keys("R");
    console.send(Msg::Up(Arc::new(crate::fixture::facts())));
    assert_eq!(console.model.space.roots.cursor, at - 1);
    assert_eq!(link(&console, at - 1), own);

    let mut console = ready();
    console.keys("<right><right>");
    let names = |console: &Console| -> Vec<String> {
        let assessment = console.model.space.assessment.as_ref().unwrap();
        let rows = assessment.heaviest.iter().map(|heavy| heavy.row);
        rows.map(|row| assessment.inventory.name(row).to_owned())
            .collect()
    };
    let before = names(&console);
    let at = before.iter().position(|name| name == "curl-8.7.1").unwrap();
    console.keys(&"j".repeat(at));
    console.load(store_shuffled(&before[0]));
    let now = console.model.space.heaviest.cursor;
    assert_eq!(names(&console)[now], "curl-8.7.1");
    assert_ne!(now, at, "{before:?}");
}

#[test]
fn an_older_look_is_dropped() {
    let mut console = on(SMALL, "dark", false, known());
    let old = console.model.space.look;
    console.send(Msg::Up(Arc::new(crate::fixture::facts())));
    console.send(Msg::Space(screens::space::Msg::Snapshot {
        look: old,
        known: Err(Problem::say("too late")),
    }));
    assert!(console.model.space.problem.is_none());
}

#[test]
fn what_cannot_be_done_says_why() {
    let said = |console: &mut Console, keys: &str| {
        console.keys(keys);
        console.model.toast.clone().unwrap_or_default()
    };
    let mut console = on(SMALL, "dark", false, known());
    assert!(said(&mut console, "x").contains("nothing goes by these rules"));
    assert!(said(&mut console, "d").contains("view of roots"));
    assert!(said(&mut console, "<right>e").contains("plan view"));
    console.keys("x");
    assert_eq!(console.model.space.view, View::Plan, "x leads to the plan");
    let mut console = on(SMALL, "dark", false, blind());
    assert!(said(&mut console, "x").contains("the roots are not known"));
    for keys in ["2w", "5W", "O"] {
        assert!(
            said(&mut console, keys).contains("the roots are not known"),
            "{keys}"
        );
    }
    let mut console = on(SMALL, "dark", true, known());
    console.keys(RULES);
    assert!(said(&mut console, "x").contains("read-only"));
    for keys in ["2p", "5W", "O", ":generations 30d<enter>"] {
        assert!(said(&mut console, keys).contains("read-only"), "{keys}");
    }
    let mut console = Console::ready(SMALL, "dark", false);
    assert!(said(&mut console, "5x").contains("has not been asked"));
    let mut reading = known();
    reading.last_use = None;
    let mut console = on(SMALL, "dark", false, reading);
    assert!(said(&mut console, "x").contains("still being read"));
}

#[test]
fn nothing_is_dead_while_anything_is_unread() {
    let mut console = unread(SMALL, "dark", known());
    for loading in [true, false] {
        console.send(Msg::Inventory {
            generation: 1,
            inventory: Arc::new(store(5)),
            loading,
            kept: None,
        });
        console.keys("5");
        assert!(console.model.space.planned.is_none(), "loading: {loading}");
    }
    console.load(store(usize::MAX));
    assert!(console.model.space.planned.is_some());
}

#[test]
fn hostile_names_are_inert() {
    for keys in [
        "<right>",
        "<right>G",
        "<right>Gd",
        "<left>",
        "1",
        "2/curl<enter>w",
    ] {
        let mut console = on(SMALL, "dark", false, known());
        console.keys(keys);
        for _ in 0..8 {
            let shown = text(&console);
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{keys}");
            console.keys("k");
        }
    }
}

#[test]
fn only_what_is_in_view_is_drawn_and_moved() {
    let mut console = unread(SMALL, "dark", known());
    console.load(large_store(20_000));
    console.keys("5:newest<enter>:until<enter>l");
    assert!(console.model.space.rows() > 15_000);
    let started = processor_time();
    for _ in 0..200 {
        console.keys("jG");
        draw(&console.model);
    }
    let took = processor_time().saturating_sub(started);
    assert!(took < std::time::Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_narrow_and_an_ascii_terminal() {
    for size in [(60, 16), (76, 18)] {
        for keys in ["", "<right>", "<right><right>", "<left>"] {
            let mut console = on(size, "mono", false, known());
            console.model.glyphs = Glyphs::Ascii;
            console.keys(RULES);
            console.keys(keys);
            let shown = text(&console);
            assert!(shown.is_ascii(), "{shown}");
            assert!(shown.contains("dead"), "{shown}");
        }
    }
}

#[test]
fn views_turn_round() {
    let mut console = ready();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(console.model.space.view);
        console.keys("<right>");
    }
    assert_eq!(seen, View::ALL);
    assert_eq!(console.model.space.view, View::Plan);
    let _ = now();
}

fn keys() -> impl Strategy<Value = Vec<storekeeper::console::types::key::Key>> {
    let own = "[xpdewln5jkr VCMXWO]".prop_map(|text| {
        text.parse::<storekeeper::console::types::key::Key>()
            .unwrap_or_else(|_| "space".parse().unwrap())
    });
    let views = prop_oneof![Just("left"), Just("right"), Just("tab"), Just("enter")]
        .prop_map(|name| name.parse().unwrap());
    proptest::collection::vec(prop_oneof![2 => any_key(), 2 => own, 1 => views], 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever is pressed, nothing is run where nothing may be changed.
    #[test]
    fn read_only_never_runs(keys in keys()) {
        let mut console = on(SMALL, "dark", true, known());
        console.keys(RULES);
        for key in keys {
            console.key(key);
            draw(&console.model);
        }
        prop_assert!(console.runs.is_empty());
    }

    /// Any keys at any size: no panic, and what destroys ran only after its word.
    #[test]
    fn any_keys_are_safe(size in (1u16..140, 1u16..45), keys in keys()) {
        let mut console = on(size, "mono", false, known());
        console.keys("5");
        for key in keys {
            console.key(key);
            draw(&console.model);
        }
        for (_, plan) in &console.runs {
            prop_assert!(!plan.items.is_empty());
            prop_assert!(plan.change != "gc", "nobody typed the word");
        }
    }
}
