//! What onboarding writes, run as it stands: root of a machine whose `/etc` and `/root` are the test's own.

use super::House;
use crate::help::text;
use crate::rig::OURS;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A machine: what is bound over `/etc` and `/root` while something runs there.
pub(super) struct Machine {
    folder: PathBuf,
}

impl Machine {
    /// A new one, with programs that only note what they are called with.
    pub(super) fn new(house: &House, name: &str, noted: &[&str]) -> Self {
        let folder = house.rig.scratch().join(name);
        for part in ["etc", "root", "lib", "bin"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        fs::set_permissions(
            folder.join("root"),
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )
        .unwrap();
        let copied = Command::new("cp")
            .args(["-a", "/etc/."])
            .arg(folder.join("etc"))
            .status();
        assert!(copied.unwrap().success());
        for program in noted {
            let file = folder.join("bin").join(program);
            let said = folder.join("said").display().to_string();
            fs::write(
                &file,
                format!("#!/bin/sh\necho {program} \"$@\" >> {said}\n"),
            )
            .unwrap();
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .unwrap();
        }
        Self { folder }
    }

    /// Runs a script there; its first error ends it.
    pub(super) fn run(&self, script: &str) -> Output {
        let file = self.folder.join("script");
        fs::write(&file, script).unwrap();
        Command::new("unshare")
            .args(["--mount", "sh", "-eu", "-c"])
            .arg(
                "mount --bind \"$1/etc\" /etc; mount --bind \"$1/root\" /root; mount --bind \"$1/lib\" /var/lib
                 PATH=$1/bin:$PATH HOME=/root; export PATH HOME; cd /root; exec sh -eu \"$1/script\"",
            )
            .arg("-")
            .arg(&self.folder)
            .env_remove("SSH_AUTH_SOCK")
            .output()
            .unwrap()
    }

    /// A file there.
    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

/// The machine's own key is authorized, so that the script may go on to its end.
fn authorize(house: &House, machine: &Machine, public: &str) {
    let file = house.rig.file("machine.pub");
    fs::write(&file, machine.read(public)).unwrap();
    house.says(&format!("keys prod authorize {file} --yes"), 0);
}

#[test]
fn the_script_for_linux_ends_with_an_answer_of_the_cache() {
    let house = House::new();
    let script = house.says("onboard prod", 0);
    let machine = Machine::new(&house, "linux", &["systemctl"]);
    machine.write("etc/nix/nix.conf", "fallback = false\n");
    // Until the key is authorized, only the last step fails.
    let refused = machine.run(&script);
    assert!(!refused.status.success());
    assert!(
        text(&refused.stderr).contains("Permission denied"),
        "{}",
        text(&refused.stderr)
    );
    authorize(&house, &machine, "root/.ssh/id_ed25519.pub");
    let done = machine.run(&script);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(
        machine
            .read("said")
            .contains("systemctl try-restart nix-daemon.service")
    );
    // Said twice, written once.
    let conf = machine.read("etc/nix/nix.conf");
    for line in [
        "fallback = true",
        "extra-substituters = ssh://nix-ssh@127.0.0.1",
    ] {
        assert_eq!(
            conf.lines().filter(|other| *other == line).count(),
            1,
            "{conf}"
        );
    }
    assert!(conf.contains(&house.rig.public_key(OURS)), "{conf}");
    assert_eq!(machine.read("root/.ssh/config").matches("Host ").count(), 1);
}

#[test]
fn determinate_and_macos_have_their_own_files() {
    let house = House::new();
    let conf = "# made by Determinate\n!include nix.custom.conf\n";
    for (platform, key, noted) in [
        ("linux", "root/.ssh/id_ed25519.pub", "systemctl try-restart"),
        (
            "macos",
            "etc/ssh/nix_cache_ed25519.pub",
            "launchctl kickstart -k system/systems.determinate.nix-daemon\n",
        ),
    ] {
        let machine = Machine::new(&house, platform, &["systemctl", "launchctl"]);
        machine.write("etc/nix/nix.conf", conf);
        // As macOS has it by default; Debian has it too.
        let ssh = machine.read("etc/ssh/ssh_config");
        machine.write(
            "etc/ssh/ssh_config",
            &format!("Include /etc/ssh/ssh_config.d/*\n{ssh}"),
        );
        let script = house.says(&format!("onboard prod --platform {platform}"), 0);
        assert!(!machine.run(&script).status.success());
        authorize(&house, &machine, key);
        let done = machine.run(&script);
        assert!(done.status.success(), "{platform}: {}", text(&done.stderr));
        assert_eq!(machine.read("etc/nix/nix.conf"), conf);
        let custom = machine.read("etc/nix/nix.custom.conf");
        assert!(
            custom.contains("extra-substituters = ssh://nix-ssh@127.0.0.1\n"),
            "{custom}"
        );
        assert!(
            machine.read("said").contains(noted),
            "{}",
            machine.read("said")
        );
    }
    // Nothing of it is where an update of macOS deletes.
    assert!(
        !house
            .rig
            .scratch()
            .join("macos/root/.ssh/id_ed25519")
            .exists()
    );
}

#[test]
fn the_jobs_of_a_service_reach_the_cache_with_their_own_key() {
    let house = House::new();
    for platform in ["github", "gitlab"] {
        let document = house.json(&format!("onboard prod --platform {platform}"), 0);
        let steps = document["steps"].as_array().unwrap();
        let lines = |step: usize| -> Vec<&str> {
            let lines = steps[step]["lines"].as_array().unwrap();
            lines.iter().map(|line| line.as_str().unwrap()).collect()
        };
        let machine = Machine::new(&house, platform, &[]);
        machine.write("bin/sudo", "#!/bin/sh\nexec \"$@\"\n");
        let sudo = house.rig.scratch().join(platform).join("bin/sudo");
        fs::set_permissions(sudo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let made = machine.run(&lines(0).join("\n"));
        assert!(made.status.success(), "{}", text(&made.stderr));
        // The administrator's command stands there as a comment for whoever has the rights.
        let authorize = lines(1)[0].strip_prefix("# storekeeper ").unwrap();
        let public = house
            .rig
            .scratch()
            .join(platform)
            .join("root/cache_key.pub");
        let authorize = authorize
            .replace("SERVER", "prod")
            .replace("cache_key.pub", public.to_str().unwrap())
            .replace("\"jobs of PROJECT\"", "jobs");
        let done = house.json(&format!("{authorize} --yes"), 0);
        assert_eq!(done["receipt"]["result"], "done");
        // What the job's shell runs, out of its block.
        let job = lines(3);
        let begin = job
            .iter()
            .position(|line| line.trim_end().ends_with(" |") && !line.contains("extra_nix_config"));
        let begin = begin.unwrap();
        let shell: Vec<&str> = job[begin + 1..]
            .iter()
            .take_while(|line| line.starts_with("      "))
            .copied()
            .collect();
        let key = match platform {
            "github" => "CACHE_KEY=$(cat cache_key)",
            _ => "CACHE_KEY=/root/cache_key",
        };
        let ping = "nix --extra-experimental-features nix-command store ping --store ssh://nix-ssh@127.0.0.1";
        let ran = machine.run(&format!(
            "mkdir -p /etc/nix\n{key}\n{}\n{ping}\n",
            shell.join("\n")
        ));
        assert!(ran.status.success(), "{platform}: {}", text(&ran.stderr));
        let conf = match platform {
            "github" => job.join("\n"),
            _ => machine.read("etc/nix/nix.conf"),
        };
        for line in [
            "extra-substituters = ssh://nix-ssh@127.0.0.1",
            "fallback = true",
        ] {
            assert!(conf.contains(line), "{line} in {conf}");
        }
    }
}
