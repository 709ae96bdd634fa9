//! The palette: what tab completes, what up and down bring back, what is kept of it, and filters that have a name.

use crate::fixture::snapshot::snap;
use crate::fixture::{Console, beginning, store};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::model::{Beginning, Model};
use storekeeper::console::app::msg::{Effect, Msg};
use storekeeper::console::app::palette::history::History;
use storekeeper::console::app::update::update;
use storekeeper::console::types::change::ChangeKind;
use storekeeper::console::types::filter::Filter;
use storekeeper::console::types::screen::Screen;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn filters() -> Vec<Filter> {
    [("upstream-old", "upstream older:10d"), ("wrong", "oldr:3d")]
        .map(|(name, query)| Filter::new(name.to_owned(), query.to_owned()))
        .to_vec()
}

fn with_filters(size: (u16, u16), theme: &str) -> Model {
    Model::new(Beginning {
        filters: filters(),
        ..beginning(size, theme, false)
    })
}

fn ready(size: (u16, u16)) -> Console {
    let mut console = Console::new(with_filters(size, "dark"));
    console.connect();
    console.load(store(usize::MAX));
    console
}

/// What stands in the palette.
fn text(console: &Console) -> String {
    match console.model.layers.last() {
        Some(Layer::Palette(palette)) => palette.input.value().to_owned(),
        _ => panic!("no palette"),
    }
}

/// A push is asked for by its paths, planned, confirmed, and runs as a job; where nothing may be changed, that is said.
#[test]
fn a_push_from_the_palette_to_the_job() {
    for size in SIZES {
        let mut console = ready(size);
        console.keys("2P");
        assert_eq!(text(&console), "push ");
        console.keys("./result '/nix/store/a b'<enter>");
        let Some(Layer::Plan(dialog)) = console.model.layers.last() else {
            panic!("no plan");
        };
        let ChangeKind::Push(paths) = &dialog.change else {
            panic!("{:?}", dialog.change);
        };
        assert_eq!(&**paths, ["./result", "/nix/store/a b"]);
        // It takes whole closures.
        console.keys("c");
        let said = console.model.toast.clone().unwrap_or_default();
        assert!(said.contains("takes whole closures"), "{said}");
        console.keys("<enter>");
        assert!(console.model.layers.is_empty());
        assert_eq!(
            console.model.activity.jobs[0].title,
            "push 2 paths (6.0 MiB) and sign them with cache.example.org-1"
        );
        console.keys(":push 'x<enter>");
        assert!(console.model.toast.clone().unwrap().contains("push PATH"));
    }
    let mut console = Console::ready((80, 24), "dark", true);
    console.keys("1:push ./result<enter>");
    let said = console.model.toast.clone().unwrap_or_default();
    assert!(
        console.model.plan_dialog().is_none() && said.contains("Cannot push"),
        "{said}"
    );
}

#[test]
fn tab_completes_each_kind_of_name() {
    let journeys = [
        // Commands, then actions by their names.
        (":fil<tab>", "filter "),
        (":the<tab>", "theme "),
        (":store.rev<tab>", "store.reverse"),
        (":sort<tab>", "sort "),
        (":sort<tab><tab>", "store.sort"),
        // What a command takes.
        (":sort si<tab>", "sort size"),
        (":sort <tab>", "sort name"),
        (":sort <tab><tab>", "sort size"),
        (":sort <tab><tab><shift-tab>", "sort name"),
        (":sort <shift-tab>", "sort trust"),
        (":theme mo<tab>", "theme mono"),
        (":server st<tab>", "server staging"),
        (":filter refu<tab>", "filter refused"),
        (":filter refused !uns<tab>", "filter refused !unsigned"),
        (
            ":filter key:cache.ex<tab><tab>",
            "filter key:cache.example.org-1",
        ),
        (":filter ups<tab>", "filter upstream-old"),
        (":filter ups<tab><tab>", "filter upstream"),
        // A saved one is all of a filter.
        (":filter bad ups<tab>", "filter bad upstream"),
        (":columns si<tab>", "columns size"),
        (":columns size,tr<tab>", "columns size,trust"),
        (":save-filter up<tab>", "save-filter upstream-old"),
        // What is typed further begins a new list.
        (":sort <tab>x<tab>", "sort namex"),
        (":nothing of the kind<tab>", "nothing of the kind"),
    ];
    for size in SIZES {
        for (keys, expected) in journeys {
            let mut console = ready(size);
            console.keys("2");
            console.keys(keys);
            assert_eq!(text(&console), expected, "after {keys:?}");
        }
    }
}

#[test]
fn what_was_completed_is_what_enter_runs() {
    for size in SIZES {
        let mut console = ready(size);
        console.keys("2:store.rev<tab><enter>");
        assert!(console.model.store.sort.reverse);
        console.keys(":theme mo<tab><enter>");
        assert_eq!(console.model.theme().name, "mono");
        // The arrow goes on from what enter would run.
        console.keys(":sign<down>");
        assert_eq!(text(&console), "sign.all");
        console.keys("<up>");
        assert_eq!(text(&console), "sign.open");
        // An action of another screen is named as that.
        console.keys("<esc>:space.list<enter>");
        let toast = console.model.toast.clone().unwrap();
        assert!(toast.contains("another screen"), "{toast}");
    }
}

#[test]
fn history_goes_by_what_is_typed_and_has_each_line_once() {
    for (older, newer) in [("<up>", "<down>"), ("<ctrl-p>", "<ctrl-n>")] {
        let mut console = ready((80, 24));
        console.keys(":sort size<enter>:theme light<enter>:sort added<enter>:sort size<enter>");
        let lines = console.model.history.lines();
        assert_eq!(lines, ["theme light", "sort added", "sort size"]);
        console.keys(":");
        for expected in ["sort size", "sort added", "theme light", "theme light"] {
            console.keys(older);
            assert_eq!(text(&console), expected);
        }
        console.keys(newer);
        assert_eq!(text(&console), "sort added");
        console.keys("<esc>:th");
        console.keys(older);
        assert_eq!(text(&console), "theme light");
        console.keys(newer);
        assert_eq!(text(&console), "th");
        // A line of before is edited like any other.
        console.keys("<esc>:");
        console.keys(older);
        console.keys("<backspace>");
        assert_eq!(text(&console), "sort siz");
    }
}

/// Only what was understood is kept for the next run, and nothing that may be a secret.
#[test]
fn what_is_kept_for_the_next_run() {
    let secret = format!("filter cache-1:{}==", "A".repeat(86));
    let cases = [
        ("theme mono", true),
        ("sort size", true),
        ("nothing of the kind", false),
        (secret.as_str(), false),
    ];
    for (typed, kept) in cases {
        let mut console = ready((80, 24));
        console.keys(":");
        console.send(Msg::Paste(typed.to_owned()));
        let effects = update(
            &mut console.model,
            crate::fixture::now(),
            Msg::Key("enter".parse().unwrap()),
        );
        let asked = |effect: &Effect| matches!(effect, Effect::Remember(line) if line == typed);
        assert_eq!(effects.iter().any(asked), kept, "{typed}");
    }
    // What another run has left is there.
    let mut console = Console::new(Model::new(Beginning {
        history: History::new(["sort added"]),
        ..beginning((80, 24), "dark", false)
    }));
    console.keys(":<up>");
    assert_eq!(text(&console), "sort added");
}

#[test]
fn filters_have_names() {
    for size in SIZES {
        let mut console = ready(size);
        // One that is wrong is reported, and the others work.
        let toast = console.model.toast.clone().unwrap();
        assert!(
            toast.contains("\"wrong\"") && toast.contains("older"),
            "{toast}"
        );
        console.keys(":filter upstream-old<enter>");
        assert_eq!(console.model.store.filter, "upstream older:10d");
        assert_eq!(console.listed().len(), 4);
        console.keys(":filter wrong<enter>");
        assert!(console.model.toast.clone().unwrap().contains("oldr:3d"));
        // The filter and the search are kept under a name, also over an older one.
        console.keys("<esc>:filter ours<enter>/ledger<enter>:save-filter mine<enter>");
        assert!(console.asked.iter().any(|asked| asked.contains("Save(")
            && asked.contains("\"mine\"")
            && asked.contains("\"ours ledger\"")));
        console.keys("<esc><esc>:filter mine<enter>");
        assert_eq!(console.listed(), ["ledger-4.0", "ledger-4.1"]);
        console.keys("<esc>:save-filter mine<enter>");
        let toast = console.model.toast.clone().unwrap();
        assert!(toast.contains("no filter or search is set"), "{toast}");
        console.keys(":filter bad<enter>:save-filter a b<enter>");
        let toast = console.model.toast.clone().unwrap();
        assert!(toast.contains("letters, digits"), "{toast}");
        assert_eq!(console.model.screen, Screen::Store);
    }
}

#[test]
fn pictures() {
    let after = |keys: &'static str| {
        move |size: (u16, u16), theme: &str| {
            let mut console = Console::new(with_filters(size, theme));
            console.connect();
            console.load(store(usize::MAX));
            console.keys("2");
            console.keys(keys);
            console.model
        }
    };
    snap("push", after("2:push ./result<enter>"));
    snap("palette-names", after(":s<tab><tab>"));
    snap("palette-saved", after(":filter <tab>"));
}
