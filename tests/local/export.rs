//! Exporting what a list shows.

use crate::fixture::{Console, access, past, space};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::screens;
use storekeeper::console::types::export::{Export, Rows};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn ready(size: (u16, u16)) -> Console {
    let mut console = Console::with_space(size, "dark", false, space::known());
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
        access::known(access::facts()),
    ))));
    console.send(Msg::Activity(screens::activity::Msg::Audit(Ok(vec![
        past(),
    ]))));
    console
}

/// What one more export asks for.
fn export(console: &mut Console) -> Option<Export> {
    let before = console.exported.len();
    console.keys(":export all.json<enter>");
    let (file, list) = console.exported.get(before)?.clone();
    assert_eq!(file, "all.json");
    Some(list)
}

/// The names of its paths.
fn names(export: &Export) -> Vec<String> {
    let Rows::Paths(inventory, rows) = &export.rows else {
        panic!("{} are no paths", export.name);
    };
    rows.iter()
        .map(|row| inventory.name(*row).to_owned())
        .collect()
}

/// What its rows say under this key.
fn values(export: &Export, key: &str) -> Vec<String> {
    let Rows::Values(rows) = &export.rows else {
        panic!("{} are paths", export.name);
    };
    rows.iter()
        .map(|row| row[key].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_store_as_it_is_filtered_and_sorted() {
    for size in SIZES {
        let mut console = ready(size);
        console.keys("2Z");
        let all = export(&mut console).unwrap();
        assert_eq!((all.name, names(&all)), ("paths", console.listed()));
        console.keys(":filter ours<enter>");
        let some = export(&mut console).unwrap();
        assert_eq!(names(&some), console.listed());
        assert!(!some.is_empty() && some.len() < all.len());
        assert!(console.model.toast.as_deref().unwrap().contains("writing"));
    }
}

#[test]
fn every_list() {
    for size in SIZES {
        let mut console = ready(size);
        console.keys("1");
        let checks = export(&mut console).unwrap();
        assert_eq!(checks.name, "checks");
        assert!(values(&checks, "state").contains(&"warning".to_owned()));

        console.keys("3");
        let refused = export(&mut console).unwrap();
        let groups = console.model.unsigned.groups.iter();
        let rows: usize = groups.map(|group| group.rows.len()).sum();
        assert_eq!((refused.name, refused.len()), ("paths", rows));

        console.keys("4");
        let keys = export(&mut console).unwrap();
        assert_eq!(keys.len(), console.model.access.rows());
        assert!(values(&keys, "comment").contains(&"ada@ci-3".to_owned()));
        console.keys("F");
        let refused = export(&mut console).unwrap();
        assert_eq!((refused.name, refused.len()), ("refused", 1));
        console.keys("<esc>5");
        let going = export(&mut console).unwrap();
        assert_eq!(going.name, "paths");
        console.keys("<right>");
        let roots = export(&mut console).unwrap();
        assert_eq!(
            (roots.name, roots.len()),
            ("roots", console.model.space.rows())
        );
        console.keys("<right>");
        let heaviest = export(&mut console).unwrap();
        assert_eq!(heaviest.len(), console.model.space.rows());

        console.keys("6");
        for name in ["changes", "sessions", "logins"] {
            let list = export(&mut console).unwrap();
            assert_eq!(
                (list.name, list.len()),
                (name, console.model.activity_rows())
            );
            console.keys("o");
        }
    }
}

#[test]
fn what_is_no_list_and_no_file_is_said() {
    for size in SIZES {
        let mut console = ready(size);
        let said = |console: &Console| console.model.toast.clone().unwrap_or_default();
        for file in ["all", "all.txt"] {
            console.keys(&format!("2:export {file}<enter>"));
            assert!(said(&console).contains(".json or .csv"), "{file}");
        }
        console.keys("2<enter>");
        assert!(export(&mut console).is_none());
        assert!(said(&console).contains("no list"));
        console.keys("<esc>5<right><right><right>");
        assert!(export(&mut console).is_none());
        // The key asks for the file.
        console.keys("2<ctrl-e>");
        let Some(Layer::Palette(palette)) = console.model.layers.last() else {
            panic!("nothing asks");
        };
        assert_eq!(palette.input.value(), "export ");
        console.keys("x.csv<enter>");
        assert_eq!(console.exported.last().unwrap().0, "x.csv");
    }
}
