//! The columns of the store's list: which are shown, and the letters that sort by them.

use crate::fixture::snapshot::snap;
use crate::fixture::{Console, space};
use crate::habits::rows;
use crate::screens::after;
use ratatui::style::Modifier;
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::view::draw;
use storekeeper::console::types::column::COLUMNS;
use storekeeper::console::types::screen::Screen;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn ready(size: (u16, u16)) -> Console {
    Console::with_space(size, "dark", false, space::known())
}

/// The row of the heads, and the letters in it that are underlined.
fn head(console: &Console) -> (String, String) {
    let buffer = draw(&console.model);
    let width = usize::from(buffer.area.width);
    let mut rows = buffer.content.chunks(width);
    let row = rows.nth(4).unwrap();
    let under = row
        .iter()
        .filter(|cell| cell.modifier.contains(Modifier::UNDERLINED));
    (
        row.iter().map(ratatui::buffer::Cell::symbol).collect(),
        under.map(ratatui::buffer::Cell::symbol).collect(),
    )
}

#[test]
fn a_letter_sorts_by_its_column_and_again_the_other_way() {
    for size in SIZES {
        for spec in &COLUMNS {
            let Some(sort) = spec.sort else { continue };
            let letter = spec.keys[0];
            let mut console = ready(size);
            // Another order before, so that the first press is none of a reversal.
            console.keys(if spec.word == "size" { "2M" } else { "2Z" });
            console.keys(letter);
            assert_eq!(console.model.store.sort.key, sort);
            assert!(!console.model.store.sort.reverse, "{letter}");
            assert!(head(&console).0.contains(&format!("{}▾", spec.head)));
            let first = console.listed();
            console.keys(letter);
            assert!(console.model.store.sort.reverse, "{letter}");
            assert!(head(&console).0.contains(&format!("{}▴", spec.head)));
            assert_ne!(console.listed(), first, "{letter}");
            console.keys(letter);
            assert_eq!(console.listed(), first, "{letter}");
        }
    }
}

#[test]
fn every_letter_is_underlined_in_its_head() {
    for size in SIZES {
        let mut console = ready(size);
        console.keys("2");
        let letters: String = COLUMNS.iter().flat_map(|spec| spec.keys).copied().collect();
        assert_eq!(head(&console).1, letters);
        // Of a column that is hidden there is none, and its key goes on to sort.
        console.keys(":columns name,trust<enter>");
        assert_eq!(head(&console).1, "MU");
        console.keys("Z");
        assert_eq!(console.current(), "storefront-2.0");
    }
}

#[test]
fn columns_are_chosen_by_command_and_in_the_dialog() {
    for size in SIZES {
        let words = |console: &Console| console.model.store.columns.words().join(" ");
        let mut console = ready(size);
        console.keys("4:columns trust,size<enter>");
        assert_eq!(console.model.screen, Screen::Store);
        assert_eq!(words(&console), "name trust size");
        let heads = head(&console).0;
        assert!(heads.find("TRUST").unwrap() < heads.find("SIZE").unwrap());
        assert!(!heads.contains("CLOSURE"));
        let saved = console.asked.iter().filter(|asked| asked.contains("Save("));
        assert_eq!(saved.count(), 1);
        console.keys(":columns size,colour<enter>");
        let toast = console.model.toast.clone().unwrap();
        assert!(
            toast.starts_with("there is no column \"colour\""),
            "{toast}"
        );
        assert_eq!(words(&console), "name trust size");
        // One after the other, on and off; the name stays.
        let mut console = ready(size);
        console.keys("2Fjj<enter>");
        assert!(matches!(
            console.model.layers.last(),
            Some(Layer::Columns(_))
        ));
        assert_eq!(words(&console), "name size added used kept trust");
        console.keys("j<enter>kk<enter>");
        assert_eq!(words(&console), "name used kept trust");
        console.keys("g<enter>");
        assert_eq!(words(&console), "name used kept trust");
        assert!(console.model.toast.is_some());
        console.keys("jj<enter><esc>");
        assert_eq!(words(&console), "name closure used kept trust");
        assert!(console.model.layers.is_empty());
    }
}

/// Where there is no room, columns go in their order and the name can still be read.
#[test]
fn what_does_not_fit_is_left_out() {
    let mut console = ready((60, 16));
    console.keys("2");
    let heads = head(&console).0;
    for (word, there) in [
        ("KEPT", false),
        ("USED", false),
        ("SIZE", true),
        ("TRUST", true),
    ] {
        assert_eq!(heads.contains(word), there, "{word} in {heads}");
    }
    // They are still chosen, for a wider terminal.
    let usual = COLUMNS.iter().filter(|spec| spec.usual).count();
    assert_eq!(console.model.store.columns.words().len(), usual);
}

/// Who has chosen it sees how many others refer to a path; a path that refers to itself does not count itself.
#[test]
fn referrers_are_counted() {
    let mut console = ready((120, 40));
    console.keys("2");
    assert!(!head(&console).0.contains("REFERRERS"));
    console.keys(":columns referrers,size<enter>");
    assert!(head(&console).0.contains("REFERRERS"));
    let inventory = console.model.cx.data.inventory.clone().unwrap();
    let mut several = 0;
    let lines = rows(&console);
    for (at, line) in lines.iter().skip(5).take(8).enumerate() {
        let row = console.model.store.rows[at];
        let others = inventory
            .referrers(row)
            .iter()
            .filter(|other| **other != row)
            .count();
        assert!(line.contains(inventory.name(row)), "{line}");
        assert!(
            line.split_whitespace()
                .any(|word| word == others.to_string()),
            "{line} {others}"
        );
        several += usize::from(others > 1);
    }
    assert!(several > 0);
}

#[test]
fn pictures() {
    snap("columns-dialog", after("2Fjj<enter>"));
    snap(
        "columns-chosen",
        after("2:columns trust,added,size<enter>D"),
    );
}
