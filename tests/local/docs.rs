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

#[test]
fn the_readme_names_the_oldest_rust_that_cargo_takes() {
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    let page = fs::read_to_string("README.md").unwrap();
    let named: Vec<&str> = (page.split("with Rust ").skip(1))
        .filter_map(|rest| rest.split(' ').next())
        .collect();
    assert_eq!(named, [oldest]);
}

/// So many words in a row are a sentence that stands in two places, however its lines are broken.
const REPEATED: usize = 12;

/// The words of the text; a command may stand wherever it is needed.
fn words(page: &str) -> Vec<String> {
    let prose = page.split("```").step_by(2).flat_map(str::split_whitespace);
    let plain = prose.map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric()));
    let words = plain.filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[test]
fn no_page_repeats_another() {
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    // What is written from the arguments and the table of actions has to be understood by itself, as a help text.
    let generated = [Path::new("docs/cli.md"), Path::new("docs/keys.md")];
    let pages = pages().into_iter();
    for (file, page) in pages.filter(|(file, _)| !generated.contains(&file.as_path())) {
        for run in words(&page).windows(REPEATED) {
            let run = run.join(" ");
            if let Some(other) = seen.get(&run)
                && *other != file
            {
                panic!("{} and {} both say: {run}", file.display(), other.display());
            }
            seen.insert(run, file.clone());
        }
    }
}

/// The rows that a line of a page takes where 100 letters fit beside each other; a picture takes as many as it is high.
fn rows(line: &str) -> usize {
    let Some(picture) = line.strip_prefix("![") else {
        return line.chars().count().div_ceil(100).max(1);
    };
    let file = picture.split("](").nth(1).unwrap().trim_end_matches(')');
    let picture = fs::read_to_string(file).unwrap();
    let height = picture.split("height=\"").nth(1).unwrap();
    let height: usize = height.split('"').next().unwrap().parse().unwrap();
    // So high is a row of its own letters.
    height.div_ceil(18)
}

/// On a screen of 60 rows, without scrolling.
#[test]
fn the_readme_begins_with_what_it_is_a_picture_and_the_first_server() {
    let page = fs::read_to_string("README.md").unwrap();
    let mut height = 0;
    let fold: Vec<&str> = (page.lines())
        .take_while(|line| {
            height += rows(line);
            height <= 60
        })
        .collect();
    let fold = fold.join("\n");
    for part in [
        "binary cache",
        "](screenshots/tour.svg)",
        "cargo run --release -- demo",
        "nix run",
        "cargo install --locked --path .",
        "storekeeper setup --knock",
        "storekeeper root@cache.example.org",
        "docs/guide.md",
    ] {
        assert!(fold.contains(part), "{part} is not above the fold:\n{fold}");
    }
}
