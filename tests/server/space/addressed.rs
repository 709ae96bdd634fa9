//! Derivations whose outputs are addressed by their contents (`ca-derivations`): nothing is dead that Nix calls alive. The edges between
//! such a derivation and its outputs are rows of another table there, which outlive their paths.

use super::live::{dead, look, print_dead, rows};
use crate::help::{text, wait};
use crate::rig::{Access, Rig};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use storekeeper::change::collect::output_pairs;
use storekeeper::inventory::{Inventory, Keep, Row};

const FEATURE: [&str; 3] = ["--option", "extra-experimental-features", "ca-derivations"];

/// A chain of two, each with two outputs, and a derivation that nobody has built.
const PACKAGES: &str = r#"let
  build = name: refs: derivation {
    inherit name refs;
    PATH = "/usr/bin:/bin";
    system = builtins.currentSystem;
    builder = "/bin/sh";
    outputs = [ "out" "doc" ];
    __contentAddressed = true;
    outputHashMode = "recursive";
    outputHashAlgo = "sha256";
    args = [ "-c" "mkdir $out $doc; echo ${name} $refs > $out/about; echo ${name} > $doc/about" ];
  };
in rec {
  low = build "ca-low-1.0" [ ];
  high = build "ca-high-1.0" [ low ];
  unbuilt = build "ca-unbuilt-1.0" [ high ];
}
"#;

fn run(rig: &Rig, program: &str, arguments: &[&str]) {
    let mut command = rig.nix_here(program);
    let done = command.args(arguments).args(FEATURE).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
}

/// The store, and which outputs derivations keep, as a collection asks.
fn looked(
    rig: &Rig,
) -> (
    Inventory,
    Vec<storekeeper::domain::roots::Root>,
    Vec<(Row, Row)>,
) {
    let (inventory, roots) = look(rig, Access::Root);
    let pairs = wait(async {
        let server = rig.connect(Access::Root).await;
        output_pairs(&server, &inventory).await.unwrap()
    });
    (inventory, roots, pairs)
}

/// With each way of keeping; how much is dead by each. With `keep-outputs`, what a daemon calls an output of a derivation that lives stays
/// here: Nix goes by another table, which need not have it, and would take some of these.
fn compare(rig: &Rig, what: &str) -> BTreeSet<usize> {
    let (inventory, roots, pairs) = looked(rig);
    let mut sizes = BTreeSet::new();
    for (derivations, outputs) in [(true, false), (false, false), (true, true), (false, true)] {
        let keep = Keep {
            derivations,
            outputs,
            output_pairs: if outputs { &pairs } else { &[] },
        };
        let words = [derivations, outputs].map(|on| on.to_string());
        let mut options = FEATURE.to_vec();
        options.extend(["--option", "keep-derivations", &words[0]]);
        options.extend(["--option", "keep-outputs", &words[1]]);
        let theirs = print_dead(rig, &options);
        let ours = dead(&inventory, &roots, &keep);
        sizes.insert(ours.len());
        let why = format!("{what}, keep-derivations {derivations}, keep-outputs {outputs}");
        let more: Vec<_> = ours.difference(&theirs).collect();
        assert!(more.is_empty(), "{why}: {more:?}");
        for path in theirs.difference(&ours) {
            assert!(outputs && path.name().starts_with("ca-"), "{why}: {path}");
        }
        let targets = rows(&inventory, &roots);
        for row in 0..inventory.len() as Row {
            let chain = inventory.why_alive(&targets, row, &keep);
            assert_eq!(chain.is_none(), ours.contains(&inventory.path(row)));
        }
    }
    sizes
}

#[test]
fn with_addresses_by_content_nothing_is_dead_that_lives_for_nix() {
    Rig::on_every_nix(|rig| {
        rig.reconfigure("extra-experimental-features = ca-derivations\n");
        let packages = rig.file("packages-addressed.nix");
        fs::write(&packages, PACKAGES).unwrap();
        let mut options: Vec<String> = rig.nix.build_options();
        options.extend([&*packages, "-A", "high", "--no-out-link"].map(str::to_owned));
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        run(rig, "nix-build", &options);
        run(rig, "nix-instantiate", &[&packages, "-A", "unbuilt"]);
        compare(rig, "without a root");

        let link = rig.file("server/nix/var/nix/gcroots/addressed");
        let all = rig.sql("select path from ValidPaths where path like '%-ca-%' order by path;");
        let mut sizes = BTreeSet::new();
        for path in all.lines() {
            let _ = fs::remove_file(&link);
            symlink(path, &link).unwrap();
            sizes.extend(compare(rig, path));
        }
        assert!(sizes.len() > 3, "the settings make a difference: {sizes:?}");

        // A derivation whose output is gone again: what the database says of the output may still be there.
        let output = all
            .lines()
            .find(|path| path.ends_with("-ca-high-1.0"))
            .unwrap();
        let derivation = rig.sql(&format!(
            "select deriver from ValidPaths where path = '{output}'"
        ));
        fs::remove_file(&link).unwrap();
        symlink(derivation.trim(), &link).unwrap();
        run(rig, "nix-store", &["--delete", output]);
        assert!(!Path::new(&rig.file("server")).join(&output[1..]).exists());
        compare(rig, "with an output that is gone");
    });
}
