//! The Nix under test: the one of this machine, or one in a given root.
//!
//! In: `STOREKEEPER_TEST_NIX_ROOTS`, a colon-separated list of folders, each the root of a system that has Nix
//! (`debootstrap --variant=minbase --include=nix-bin,libdbi-perl trixie DIR`). Out: [`Nix`], which runs it.
//! A root's programs are started by its own loader with its own libraries, through wrappers that come first on the
//! session's search path: so they work for every user, and see this machine's files as the other programs do.

use super::need;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

pub(super) const PROGRAMS: [&str; 8] = [
    "nix",
    "nix-store",
    "nix-daemon",
    "nix-build",
    "nix-instantiate",
    "nix-env",
    "nix-copy-closure",
    "nix-collect-garbage",
];

/// One version of Nix.
#[derive(Clone)]
pub(crate) struct Nix {
    /// Where its wrappers are; `None` for the machine's own.
    bin: Option<Arc<tempfile::TempDir>>,
    /// Such as `2.34.8`.
    pub(crate) version: String,
}

impl Nix {
    /// The machine's own Nix.
    pub(crate) fn of_this_machine() -> Self {
        need::program("nix");
        Self::known(None)
    }

    /// Every Nix that the tests have to pass on: the machine's own and each one in `STOREKEEPER_TEST_NIX_ROOTS`.
    pub(crate) fn all() -> Vec<Self> {
        let roots = std::env::var_os("STOREKEEPER_TEST_NIX_ROOTS").unwrap_or_default();
        std::iter::once(Self::of_this_machine())
            .chain(
                std::env::split_paths(&roots)
                    .filter(|root| !root.as_os_str().is_empty())
                    .map(|root| Self::in_root(&root)),
            )
            .collect()
    }

    /// The two of [`Self::all`] between which the others are.
    pub(crate) fn oldest_and_newest() -> Vec<Self> {
        let mut all = Self::all();
        let number = |nix: &Self| {
            let parts = nix.version.split(['.', '-']);
            parts
                .map(|part| part.parse().unwrap_or(0))
                .collect::<Vec<u32>>()
        };
        all.sort_by_key(number);
        let newest = all.pop();
        all.truncate(1);
        all.extend(newest);
        all
    }

    fn in_root(root: &Path) -> Self {
        let bin = tempfile::Builder::new()
            .prefix("storekeeper-nix-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("the temporary folder can't be written");
        let loader = find_loader(root);
        let libraries: Vec<String> = ["lib", "usr/lib", "lib64", "usr/lib64"]
            .iter()
            .flat_map(|dir| {
                let base = root.join(dir);
                let triplets = std::fs::read_dir(&base)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
                triplets.chain([base.clone()]).collect::<Vec<_>>()
            })
            .filter(|dir| dir.is_dir())
            .map(|dir| dir.display().to_string())
            .collect();
        for name in PROGRAMS {
            let wrapper = format!(
                "#!/bin/sh\nexec {} --library-path {} --argv0 {name} {} \"$@\"\n",
                loader.display(),
                libraries.join(":"),
                root.join("usr/bin/nix").display(),
            );
            let file = bin.path().join(name);
            std::fs::write(&file, wrapper).expect("a wrapper can't be written");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
                .expect("a wrapper can't be made executable");
        }
        Self::known(Some(Arc::new(bin)))
    }

    fn known(bin: Option<Arc<tempfile::TempDir>>) -> Self {
        let mut nix = Self {
            bin,
            version: String::new(),
        };
        let said = nix.run("nix", ["--version"], &[]);
        let version = said.split_whitespace().last();
        version
            .unwrap_or_else(|| panic!("`nix --version` said nothing"))
            .clone_into(&mut nix.version);
        nix
    }

    /// The folder of its programs, for the front of a search path.
    pub(crate) fn bin(&self) -> Option<&Path> {
        self.bin.as_ref().map(|dir| dir.path())
    }

    /// One of its programs, with nothing of the caller's Nix settings.
    pub(crate) fn command(&self, program: &str) -> Command {
        let path = self
            .bin()
            .map_or_else(|| need::program(program), |bin| bin.join(program));
        let mut command = Command::new(path);
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("NIX_") {
                command.env_remove(key);
            }
        }
        command.env("PATH", need::session_path(self.bin()));
        command
    }

    /// Runs one of its programs and gives what it printed; anything but success ends the test with its messages.
    pub(crate) fn run<A: AsRef<OsStr>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = A>,
        env: &[(&str, &str)],
    ) -> String {
        let mut command = self.command(program);
        command.args(args).envs(env.iter().copied());
        text_of(&mut command)
    }

    /// What a build needs besides: under the wrappers Nix can't find itself to ask about remote builders.
    pub(crate) fn build_options(&self) -> Vec<String> {
        // Without the sandbox a chroot store can't be built in: better a clear refusal than a build that goes astray.
        let mut options: Vec<String> = [
            "--option",
            "sandbox",
            "true",
            "--option",
            "sandbox-fallback",
            "false",
        ]
        .map(str::to_owned)
        .to_vec();
        let system: Vec<&str> = ["/bin", "/lib", "/lib64", "/usr"]
            .into_iter()
            .filter(|dir| Path::new(dir).exists())
            .collect();
        options.extend(["--option", "sandbox-paths", &system.join(" ")].map(str::to_owned));
        if let Some(bin) = self.bin() {
            let hook = format!("{} __build-remote", bin.join("nix").display());
            options.extend(["--option", "build-hook", &hook].map(str::to_owned));
        }
        options
    }
}

/// Runs a command to its end; a failure ends the test and shows what it wrote.
pub(crate) fn text_of(command: &mut Command) -> String {
    let output = command.output();
    let line: Vec<_> = [command.get_program()]
        .into_iter()
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    let line = line.join(" ");
    let output = output.unwrap_or_else(|error| panic!("`{line}` can't be started: {error}"));
    assert!(
        output.status.success(),
        "`{line}` ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("a command printed bytes that are not UTF-8")
}

fn find_loader(root: &Path) -> PathBuf {
    ["lib64", "usr/lib64", "lib", "usr/lib"]
        .iter()
        .flat_map(|dir| std::fs::read_dir(root.join(dir)).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"))
        })
        .unwrap_or_else(|| {
            panic!(
                "{} in STOREKEEPER_TEST_NIX_ROOTS has no dynamic loader: make it with `debootstrap --variant=minbase --include=nix-bin,libdbi-perl trixie DIR`",
                root.display()
            )
        })
}
