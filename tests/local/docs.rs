//! The pages for people: examples are understood, links lead somewhere, nothing stands in two places, and the README begins with what sells.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use storekeeper::inventory::Query;

fn pages() -> Vec<(PathBuf, String)> {
    let mut files = vec![
        PathBuf::from("README.md"),
        PathBuf::from("CONTRIBUTING.md"),
        PathBuf::from("docs/nixos/README.md"),
    ];
    let docs = fs::read_dir("docs")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files.extend(docs.filter(|path| path.extension().is_some_and(|end| end == "md")));
    files.sort();
    let read = |file: PathBuf| (file.clone(), fs::read_to_string(&file).unwrap());
    files.into_iter().map(read).collect()
}

/// The lines of the fenced blocks of a kind.
fn fenced<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let mut lines = Vec::new();
    let mut inside = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(_), Some(_)) => inside = None,
            (Some(begins), None) => inside = Some(begins == kind),
            (None, Some(true)) => lines.push(line),
            _ => {}
        }
    }
    lines
}

#[test]
fn every_example_of_the_filter_language_is_understood() {
    let page = fs::read_to_string("docs/filter.md").unwrap();
    let table = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let examples: Vec<&str> = table.chain(fenced(&page, "filter")).collect();
    assert!(examples.len() > 25, "{examples:?}");
    for example in examples {
        let query = Query::parse(example).unwrap_or_else(|error| panic!("{example}: {error:?}"));
        assert!(!query.is_empty(), "{example}");
    }
    let wrong = fenced(&page, "wrong");
    assert!(wrong.len() >= 5);
    for example in wrong {
        assert!(Query::parse(example).is_err(), "{example}");
    }
}

#[test]
fn every_link_leads_to_a_file() {
    let mut links = 0;
    for (file, page) in pages() {
        for link in page.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.contains("://") || link.starts_with('#') {
                continue;
            }
            let path = link.split('#').next().unwrap();
            let target = file.parent().unwrap_or(Path::new("")).join(path);
            assert!(target.exists(), "{}: {link}", file.display());
            links += 1;
        }
    }
    assert!(links > 20, "{links}");
}

/// A command may stand where it is needed; a sentence stands once.
fn is_prose(line: &str) -> bool {
    line.len() > 50 && !line.starts_with("storekeeper ")
}

#[test]
fn no_page_repeats_another() {
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (file, page) in pages() {
        for line in page.lines().map(str::trim).filter(|line| is_prose(line)) {
            if let Some(other) = seen.get(line)
                && *other != file
            {
                panic!(
                    "{} and {} both say: {line}",
                    file.display(),
                    other.display()
                );
            }
            seen.insert(line.to_owned(), file.clone());
        }
    }
}

/// On a screen of 60 lines, without scrolling.
#[test]
fn the_readme_begins_with_what_it_is_a_picture_and_the_first_server() {
    let page = fs::read_to_string("README.md").unwrap();
    let fold: Vec<&str> = page.lines().take(60).collect();
    let fold = fold.join("\n");
    for part in [
        "binary cache",
        "](screenshots/tour.svg)",
        "cargo run --release -- demo",
        "nix run",
        "storekeeper root@cache.example.org",
        "docs/guide.md",
    ] {
        assert!(fold.contains(part), "{part} is not above the fold");
    }
}
