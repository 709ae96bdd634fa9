//! The rules of the house (`docs/ARCHITECTURE.md`), read from the sources.
//!
//! In: every file below `src`. Out: a list of what breaks a rule, empty. What the types can hold is not repeated here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file may have at most.
const MOST_LINES: usize = 450;

/// Which rooms a room may import. A room that is not in this list breaks the rule, so a new one has to be thought about.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("wire", &["domain"]),
    ("link", &["domain"]),
    ("database", &["domain"]),
    ("spool", &["domain"]),
    ("server", &["database", "link", "wire", "domain"]),
    ("inventory", &["domain"]),
    ("judge", &["inventory", "domain"]),
    (
        "load",
        &["server", "database", "judge", "inventory", "domain"],
    ),
    ("onboard", &["domain"]),
    // `link` for the agent's keys, which sign here and not on the server.
    (
        "change",
        &["server", "spool", "judge", "inventory", "domain", "link"],
    ),
    ("config", &["server", "link", "domain"]),
    (
        "console",
        &[
            "change",
            "load",
            "judge",
            "onboard",
            "inventory",
            "domain",
            "server",
            "config",
            "link",
            "demo",
        ],
    ),
    (
        "cli",
        &[
            "change",
            "load",
            "judge",
            "onboard",
            "inventory",
            "domain",
            "server",
            "spool",
            "config",
            "link",
            "demo",
            "console",
        ],
    ),
    ("demo", &["wire", "domain"]),
];

/// What a room takes of another beyond the list, item by item.
const ALSO: &[(&str, &[&str])] = &[
    // The proof that a plan was confirmed.
    ("server", &["change::token::Token"]),
];

/// A source file.
struct Source {
    /// Path below `src`.
    name: String,
    /// All of it.
    text: String,
}

impl Source {
    /// The top-level module that it belongs to; `None` for `lib.rs` and `main.rs`, which know every room.
    fn room(&self) -> Option<&str> {
        match self.name.split_once('/') {
            Some((room, _)) => Some(room),
            None => match self.name.as_str() {
                "lib.rs" | "main.rs" => None,
                name => name.strip_suffix(".rs"),
            },
        }
    }

    /// The code without comments and test modules.
    fn code(&self) -> String {
        let mut code = String::new();
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            let trimmed = line.trim_start();
            if trimmed.starts_with("//") {
                continue;
            }
            let opens = |next: &&str| next.contains("mod ") && next.ends_with('{');
            if trimmed == "#[cfg(test)]" && lines.peek().is_some_and(opens) {
                // By rustfmt's form, the block ends with a brace at the same depth.
                let end = format!("{}}}", &line[..line.len() - trimmed.len()]);
                lines.by_ref().find(|inner| *inner == end);
                continue;
            }
            code.push_str(line);
            code.push('\n');
        }
        code
    }
}

/// Every source file below a folder of the project.
fn sources_of(folder: &str) -> Vec<Source> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<Source>) {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(Source {
                    name: path
                        .strip_prefix(root)
                        .unwrap()
                        .to_string_lossy()
                        .into_owned(),
                    text: fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found
}

fn sources() -> Vec<Source> {
    let found = sources_of("src");
    assert!(found.len() > 10, "the sources were not found");
    found
}

/// Every path below `crate::` that the code names, with the groups of `use` written out.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            spread(&code[at + "crate::".len()..], "", &mut found);
        }
    }
    found
}

/// Reads one path, or a group of them, and returns how many bytes it took.
fn spread(text: &str, prefix: &str, found: &mut BTreeSet<String>) -> usize {
    let word_end = |from: usize| {
        text[from..]
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(text.len(), |end| from + end)
    };
    let mut path = prefix.to_owned();
    let mut at = 0;
    loop {
        let end = word_end(at);
        path.push_str(&text[at..end]);
        at = end;
        if text[at..].starts_with('{') {
            at += 1;
            loop {
                at += text[at..]
                    .find(|c: char| !(c.is_whitespace() || c == ','))
                    .unwrap_or(text.len() - at);
                if at >= text.len() || text[at..].starts_with('}') {
                    return at + 1;
                }
                at += spread(&text[at..], &path, found);
                // What follows in a group up to the comma is `as name`.
                at += text[at..].find([',', '}']).unwrap_or(text.len() - at);
            }
        }
        if !text[at..].starts_with("::") {
            found.insert(path);
            return at;
        }
        path.push_str("::");
        at += 2;
    }
}

#[test]
fn reads_imports() {
    let listed = |code: &str| imports(code).into_iter().collect::<Vec<String>>();
    assert_eq!(
        listed(
            "use crate::domain::{self, text::{visible, plain}, Bytes as B};\nlet x = crate::server::Facts::new();\nmycrate::no;"
        ),
        [
            "domain::Bytes",
            "domain::self",
            "domain::text::plain",
            "domain::text::visible",
            "server::Facts::new",
        ]
    );
    assert_eq!(
        listed("use crate::{\n    change::Plan,\n    link::Link,\n};"),
        ["change::Plan", "link::Link"]
    );
    assert_eq!(listed("pub(crate) use crate::a::*;"), ["a::"]);
}

#[test]
fn leaves_test_modules_out() {
    let source = Source {
        name: "domain/x.rs".into(),
        text: "//! use crate::a;\nuse crate::b;\n#[cfg(test)]\nmod tests {\n    use crate::c;\n}\nuse crate::d;\n"
            .into(),
    };
    let found: Vec<String> = imports(&source.code()).into_iter().collect();
    assert_eq!(found, ["b", "d"]);
    assert_eq!(source.room(), Some("domain"));
}

#[test]
fn rooms_import_only_what_they_may() {
    let rooms: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let also: BTreeMap<&str, &[&str]> = ALSO.iter().copied().collect();
    let mut broken = Vec::new();
    for source in sources() {
        let Some(room) = source.room() else { continue };
        let Some(allowed) = rooms.get(room) else {
            broken.push(format!(
                "{}: the room {room} is not in the list",
                source.name
            ));
            continue;
        };
        for path in imports(&source.code()) {
            let to = path.split("::").next().unwrap_or_default();
            let item = also
                .get(room)
                .is_some_and(|items| items.contains(&path.as_str()));
            if to != room && !allowed.contains(&to) && !item {
                broken.push(format!("{}: crate::{path}", source.name));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The rooms of the console, each of which knows only itself and those before it.
const CONSOLE: [&str; 6] = ["types", "widgets", "screens", "plan", "app", "backend"];

#[test]
fn a_room_of_the_console_knows_only_those_before_it() {
    let at = |room: &str| CONSOLE.iter().position(|own| *own == room);
    let mut seen = BTreeSet::new();
    let mut broken = Vec::new();
    for source in sources() {
        let Some((room, _)) = source
            .name
            .strip_prefix("console/")
            .and_then(|inner| inner.split_once('/'))
        else {
            continue;
        };
        let Some(own) = at(room) else {
            broken.push(format!("{}: {room} is not in the list", source.name));
            continue;
        };
        seen.insert(room.to_owned());
        for path in imports_of(&source) {
            let of = path
                .strip_prefix("console::")
                .and_then(|rest| rest.split("::").next());
            if of.and_then(at).is_some_and(|other| other > own) {
                broken.push(format!("{}: crate::{path}", source.name));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(seen.len(), CONSOLE.len(), "{seen:?}");
}

/// Every path that a file names, whole: those below `crate::`, and those below `super::` and `self::`.
fn imports_of(source: &Source) -> BTreeSet<String> {
    let code = source.code();
    let mut module: Vec<&str> = source.name.trim_end_matches(".rs").split('/').collect();
    if module.last() == Some(&"mod") {
        module.pop();
    }
    let mut found = imports(&code);
    // `super::super::` begins with the longer one.
    for depth in (0..=module.len()).rev() {
        let relative = if depth == 0 {
            "self::".to_owned()
        } else {
            "super::".repeat(depth)
        };
        let above = module[..module.len() - depth].join("::");
        let absolute = format!("crate::{above}::");
        let line = |line: &str| {
            let begins = line.find(&relative)?;
            let before = line[..begins].chars().next_back();
            let whole = before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':'));
            whole.then(|| line.replace(&relative, &absolute))
        };
        let lines: Vec<String> = code.lines().filter_map(line).collect();
        found.extend(imports(&lines.join("\n")));
    }
    found
}

/// Files that name each other in a loop, as far as they are more than one: what one file takes from another is what stands there.
/// A `mod.rs` that only hands on the names of its folder is not a file of a loop.
fn circles() -> Vec<BTreeSet<String>> {
    let sources = sources();
    let mut files: BTreeMap<String, &str> = BTreeMap::new();
    for source in &sources {
        let module = source.name.trim_end_matches(".rs").trim_end_matches("/mod");
        files.insert(module.replace('/', "::"), &source.name);
    }
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in &sources {
        if source.name.ends_with("/mod.rs") {
            continue;
        }
        for path in imports_of(source) {
            let mut module = path.as_str();
            let file = loop {
                match files.get(module) {
                    Some(file) => break Some(*file),
                    None => match module.rsplit_once("::") {
                        Some((above, _)) => module = above,
                        None => break None,
                    },
                }
            };
            if let Some(file) = file
                && file != source.name
                && !file.ends_with("/mod.rs")
            {
                arrows.entry(&source.name).or_default().insert(file);
            }
        }
    }
    let reach = |from: &str| {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = arrows.get(from).into_iter().flatten().copied().collect();
        while let Some(file) = open.pop() {
            if seen.insert(file) {
                open.extend(arrows.get(file).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|file| (*file, reach(file))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (file, all) in &reached {
        let back = |other: &&&str| reached.get(**other).is_some_and(|all| all.contains(file));
        let circle: BTreeSet<String> = all.iter().filter(back).map(|o| (*o).to_owned()).collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

#[test]
fn files_that_name_each_other_are_few_and_of_one_folder() {
    /// So many files of one folder may.
    const MOST: usize = 4;
    let folder = |file: &String| file.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let broken: Vec<BTreeSet<String>> = circles()
        .into_iter()
        .filter(|circle| {
            let folders: BTreeSet<_> = circle.iter().map(folder).collect();
            folders.len() > 1 || circle.len() > MOST
        })
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_room_is_there() {
    let sources = sources();
    for (room, _) in ROOMS {
        let within = format!("{room}/");
        let found = sources
            .iter()
            .any(|source| source.name.starts_with(&within));
        assert!(found, "there is no room {room}");
    }
}

#[test]
fn what_a_contributor_is_told_to_touch_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let named = text.split('`').skip(1).step_by(2).filter(|word| {
        ["src/", "tests/", "docs/"]
            .iter()
            .any(|start| word.starts_with(start))
    });
    let missing: Vec<&str> = named
        .clone()
        .filter(|name| !root.join(name).exists())
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named.count() > 10, "the files were not found");
}

/// Whether the text names a crate, as in `name::item` or `use name;`.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = &text[at + name.len()..];
        before.is_none_or(|sign| !sign.is_alphanumeric() && sign != '_')
            && (after.starts_with("::") || after.starts_with(';'))
    })
}

#[test]
fn every_dependency_is_used() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    for (section, folders) in [
        ("dependencies", &["src"][..]),
        ("dev-dependencies", &["src", "tests", "benches"]),
    ] {
        let sources = folders.iter().flat_map(|folder| sources_of(folder));
        let text: String = sources.map(|source| source.text).collect();
        for name in manifest[section].as_table().unwrap().keys() {
            assert!(
                names(&text, &name.replace('-', "_")),
                "{name} is not used in {folders:?}"
            );
        }
    }
}

#[test]
fn every_file_begins_with_what_flows_in_and_out() {
    let broken: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.name)
        .collect();
    assert!(broken.is_empty(), "no module head: {broken:#?}");
}

#[test]
fn files_stay_small() {
    let broken: Vec<String> = sources()
        .into_iter()
        .map(|source| (source.text.lines().count(), source.name))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, name)| format!("{name}: {lines} lines"))
        .collect();
    assert!(
        broken.is_empty(),
        "more than {MOST_LINES} lines: {broken:#?}"
    );
}

/// Names that say of a type only that somebody has asked for it, knows it or has it; the field has terms.
#[test]
fn types_have_the_names_of_the_field() {
    const NONE: &[&str] = &[
        "Asked", "Deed", "Infos", "Judged", "Known", "Order", "Told", "Trouble", "Wanted", "Wish",
    ];
    let kinds = ["struct ", "enum ", "trait ", "type "];
    let mut broken = Vec::new();
    for source in sources() {
        for line in source.code().lines() {
            let name = kinds.iter().find_map(|kind| {
                let (_, name) = line.split_once(kind)?;
                name.split(|c: char| !c.is_alphanumeric()).next()
            });
            if name.is_some_and(|name| NONE.contains(&name)) {
                broken.push(format!("{}: {}", source.name, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn only_the_command_line_prints() {
    const PRINTING: &[&str] = &["println!", "print!", "eprintln!", "eprint!"];
    let mut broken = Vec::new();
    for source in sources() {
        if source.name == "main.rs" || source.room() == Some("cli") {
            continue;
        }
        for line in source.code().lines() {
            if PRINTING.iter().any(|word| line.contains(word)) {
                broken.push(format!("{}: {}", source.name, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn only_the_scripts_of_the_server_run_there() {
    // What starts a shell: the wrapper around a script and its line, the user's own ProxyCommand, editor and command for events here, and
    // the demo as a server.
    const SHELLS: &[&str] = &[
        "domain/login_line.rs",
        "link/command.rs",
        "link/proxy.rs",
        "config/editor.rs",
        "cli/watch/program.rs",
        "demo/access.rs",
    ];
    let mut broken = Vec::new();
    let mut scripts = 0;
    for source in sources() {
        let tests = source.name.contains("tests") || source.name.contains("testing");
        let code = source.code();
        for (number, line) in code.lines().enumerate() {
            let at = || format!("{}: {} ({})", source.name, line.trim(), number + 1);
            if let (Some((_, argument)), false) = (line.split_once("Command::script("), tests) {
                scripts += 1;
                if !argument.starts_with("script::") || source.room() != Some("server") {
                    broken.push(at());
                }
            }
            let shell = line.contains("\"-c\"") || line.contains("sh -c");
            if shell && !tests && !SHELLS.contains(&source.name.as_str()) {
                broken.push(at());
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(scripts > 3, "the scripts were not found");
}

#[test]
fn each_script_is_a_file_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server");
    let list = fs::read_to_string(root.join("script.rs")).unwrap();
    for entry in fs::read_dir(root.join("scripts")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(list.contains(&name), "{name} is used by nobody");
    }
}
