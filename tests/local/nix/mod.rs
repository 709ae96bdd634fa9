//! `flake.nix`, `package.nix`, the overlay and the modules, evaluated by the real Nix over a nixpkgs of the test's own
//! (`nixpkgs.nix` beside this): what would be built and which options there are, without a network, a store or a daemon.

use crate::help::text;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

fn outputs() -> &'static Value {
    static OUTPUTS: OnceLock<Value> = OnceLock::new();
    OUTPUTS.get_or_init(|| {
        let output = Command::new("nix-instantiate")
            .env("NIX_REMOTE", "dummy://")
            .args([
                "--eval",
                "--strict",
                "--json",
                "tests/local/nix/outputs.nix",
            ])
            .output()
            .unwrap_or_else(|error| panic!("nix-instantiate: {error}; install nix-bin"));
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    })
}

#[test]
fn the_package_is_this_folder_at_its_version() {
    let package = &outputs()["package"];
    let here = env!("CARGO_MANIFEST_DIR");
    for (name, expected) in [
        ("pname", json!("storekeeper")),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("src", json!(here)),
        ("lock", json!(format!("{here}/Cargo.lock"))),
        ("doCheck", json!(false)),
        ("nativeBuildInputs", json!(["installShellFiles"])),
    ] {
        assert_eq!(package[name], expected, "{name}");
    }
    assert_eq!(package["meta"]["mainProgram"], "storekeeper");
    assert_eq!(package["meta"]["license"], json!(["MIT", "Apache-2.0"]));
    // What the build installs beside the program is what the script writes.
    let install = package["postInstall"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("pages");
    let made = Command::new("docs/packaging/pages")
        .args([env!("CARGO_BIN_EXE_storekeeper"), pages.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let named = install
        .split_ascii_whitespace()
        .filter_map(|word| word.strip_prefix("pages/"))
        .filter(|name| !name.contains('*'));
    let named: Vec<&str> = named.collect();
    assert_eq!(
        named,
        ["storekeeper.bash", "storekeeper.fish", "_storekeeper"],
        "{install}"
    );
    for name in named {
        assert!(fs::metadata(pages.join(name)).unwrap().len() > 0, "{name}");
    }
    for page in [
        "storekeeper.1",
        "storekeeper-status.1",
        "storekeeper-keys.1",
    ] {
        let page = fs::read_to_string(pages.join(page)).unwrap();
        assert!(page.contains(".SH NAME"), "{page}");
    }
}

#[test]
fn the_flake_has_packages_modules_an_overlay_and_a_shell() {
    let outputs = outputs();
    let systems = json!([
        "aarch64-darwin",
        "aarch64-linux",
        "x86_64-darwin",
        "x86_64-linux"
    ]);
    assert_eq!(outputs["systems"], systems);
    assert_eq!(outputs["shells"], systems);
    assert_eq!(outputs["overlaid"], "storekeeper");
    assert_eq!(outputs["shell"], json!(["storekeeper"]));
    // The module that watches runs the flake's own program.
    assert_eq!(outputs["watches"], "/made/x86_64-linux");
    assert_eq!(outputs["pushes"], "/made/x86_64-linux");
    let push = "exec /made/x86_64-linux/bin/storekeeper push 'prod' '--spool' '/var/spool/push'";
    assert_eq!(outputs["hook"], format!("#!/bin/sh\n{push}\n"));
    let drain = format!("{push} --drain --follow --yes --quiet --config '/etc/c.toml'");
    assert_eq!(outputs["drain"], drain);
}

fn table(options: &Value) -> String {
    let mut table = "| option | default | what it does |\n|---|---|---|\n".to_owned();
    for option in options.as_array().unwrap() {
        let description = option["description"].as_str().unwrap();
        assert!(description.ends_with('.'), "{option}");
        let default = match &option["default"] {
            Value::String(default) => format!("`{default}`"),
            _ => "none".to_owned(),
        };
        let name = option["name"].as_str().unwrap();
        let _ = writeln!(table, "| `{name}` | {default} | {description} |");
    }
    table
}

/// With `STOREKEEPER_UPDATE_DOCS` set, the file is written instead.
#[test]
fn the_options_in_the_documentation_are_those_of_the_modules() {
    let file = "docs/nixos/README.md";
    let kept = fs::read_to_string(file).unwrap();
    let mut page = kept.clone();
    for (title, options) in [
        ("services.storekeeper", &outputs()["server"]),
        ("services.storekeeper-watch", &outputs()["watch"]),
        ("services.storekeeper-push", &outputs()["push"]),
    ] {
        let head = format!("## Options of `{title}`\n\n");
        let (before, rest) = page.split_once(&head).unwrap();
        let (_, after) = rest.split_once("\n\n").unwrap();
        page = format!("{before}{head}{}\n{after}", table(options));
    }
    if std::env::var_os("STOREKEEPER_UPDATE_DOCS").is_some() {
        fs::write(file, &page).unwrap();
    }
    assert!(
        kept == page || std::env::var_os("STOREKEEPER_UPDATE_DOCS").is_some(),
        "{file} is not what the modules say; run the test with STOREKEEPER_UPDATE_DOCS=1"
    );
}
