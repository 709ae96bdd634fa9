//! A build machine: a second real store, with paths that the server has not.
//!
//! Out: chains of paths, and the real binary with that store as this machine's own.

use super::nix::text_of;
use super::{Rig, need, store};
use std::process::{Command, Stdio};

/// A chain of packages, each with some bytes of its own, so that copying takes a while. The list is in the order of references.
const CHAIN: &str = r#"
{ name, count, bytes }:
let
  build = number: refs: derivation {
    name = "${name}-${toString number}";
    inherit refs bytes;
    PATH = "/usr/bin:/bin";
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" "mkdir $out; echo $refs > $out/refs; head -c $bytes /dev/urandom > $out/data" ];
  };
  step = built: number: built ++ [ (build number (if built == [ ] then [ ] else [ (builtins.elemAt built (number - 1)) ])) ];
in builtins.foldl' step [ ] (builtins.genList (number: number) count)
"#;

impl Rig {
    /// Builds a chain on the build machine; the paths, references first.
    pub(crate) fn build_chain(&self, name: &str, count: usize, bytes: usize) -> Vec<String> {
        self.build_chain_with(name, count, bytes, &[])
    }

    /// The same with more options for the build.
    pub(crate) fn build_chain_with(
        &self,
        name: &str,
        count: usize,
        bytes: usize,
        more: &[String],
    ) -> Vec<String> {
        let file = self.scratch().join("chain.nix");
        std::fs::write(&file, CHAIN).expect("the scratch folder can't be written");
        let mut build = self.on_origin("nix-build");
        build
            .arg(&file)
            .args(["--no-out-link", "--argstr", "name", name])
            .args(["--arg", "count", &count.to_string()])
            .args(["--arg", "bytes", &bytes.to_string()])
            .args(self.nix.build_options())
            .args(more);
        let mut paths: Vec<String> = text_of(&mut build).lines().map(str::to_owned).collect();
        paths.sort_by_key(|path| {
            let number = path.rsplit_once('-').expect("it has a number").1;
            number.parse::<usize>().expect("it is a number")
        });
        assert_eq!(paths.len(), count);
        paths
    }

    /// One of the Nix programs on the build machine.
    pub(crate) fn on_origin(&self, program: &str) -> Command {
        let mut command = self.nix.command(program);
        command
            .envs(store::own_settings(&self.scratch().join("home-origin")))
            .env("NIX_REMOTE", self.origin())
            .current_dir(self.scratch())
            .stdin(Stdio::null());
        command
    }

    /// The address of its store.
    pub(crate) fn origin(&self) -> String {
        format!("local?root={}", self.file("builder"))
    }

    /// The real binary on the build machine.
    pub(crate) fn storekeeper_there<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.storekeeper_command(args);
        for (key, value) in store::own_settings(&self.scratch().join("home-origin")) {
            if key != "HOME" {
                command.env(key, value);
            }
        }
        command
            .env("NIX_REMOTE", self.origin())
            .env("PATH", need::session_path(self.nix.bin()));
        command
    }
}
