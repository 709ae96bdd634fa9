//! `docs/guide.md`: each command of it, in the order of the text.
//!
//! `prod` is the rig's server, `root@laptop` a machine with `/etc` and `/root` of its own, and `hello-2.12` an unsigned path.

use super::House;
use super::onboard::Machine;
use crate::help::text;
use std::fmt::Write as _;
use std::fs;
use std::process::Output;
use storekeeper::config::Config;

/// An unsigned path of the rig's store.
const PATH: &str = "fresh-3.1";

/// The fenced blocks: what stands behind the fence, and the lines.
fn blocks(page: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(_), true) => inside = false,
            (Some(kind), false) => {
                blocks.push((kind.to_owned(), vec![]));
                inside = true;
            }
            (None, true) => blocks.last_mut().unwrap().1.push(line.to_owned()),
            (None, false) => {}
        }
    }
    blocks
}

struct Guide {
    house: House,
    laptop: Machine,
    log: String,
    /// How often the machine's script and `why` were run.
    scripts: usize,
    whys: usize,
}

impl Guide {
    fn note(&mut self, line: &str, output: &Output) -> i32 {
        let code = output.status.code().unwrap_or(-1);
        let _ = write!(
            self.log,
            "$ {line}\n{}{}-> {code}\n",
            text(&output.stdout),
            text(&output.stderr)
        );
        code
    }

    /// A command of the administrator's; what it prints.
    fn admin(&mut self, line: &str) {
        let (command, file) = match line.split_once(" > ") {
            Some((command, file)) => (command, Some(file)),
            None => (line, None),
        };
        if command == "ssh root@cache.example.org sh -eu < setup.sh" {
            return self.set_up();
        }
        let mut words = shell_words::split(command).unwrap();
        assert_eq!(words.remove(0), "storekeeper", "{line}");
        for word in &mut words {
            match word.as_str() {
                "hello-2.12" => PATH.clone_into(word),
                "3fa9" => *word = self.request(),
                _ => {}
            }
        }
        let output = self
            .house
            .rig
            .storekeeper_command(words.iter().map(String::as_str))
            .output()
            .unwrap();
        let code = self.note(line, &output);
        if words[0] == "why" {
            self.whys += 1;
        }
        let expected = match words[0].as_str() {
            // As the text says.
            "status" => 0..=2,
            "why" if self.whys == 1 => 1..=1,
            _ => 0..=0,
        };
        assert!(expected.contains(&code), "{}", self.log);
        if let Some(file) = file {
            fs::write(self.house.rig.file(file), &output.stdout).unwrap();
        }
    }

    fn request(&self) -> String {
        let all = self.house.json("requests prod list", 0);
        let id = all["requests"][0]["id"].as_str();
        id.unwrap_or_else(|| panic!("{all}\n{}", self.log))[..8].to_owned()
    }

    /// A Debian of its own becomes a server, twice, and the real sshd takes what is written there.
    fn set_up(&mut self) {
        let server = Machine::new(&self.house, "fresh", &["systemctl"]);
        let setup = fs::read_to_string(self.house.rig.file("setup.sh")).unwrap();
        for run in [setup.as_str(), setup.as_str()] {
            let output = server.run(run);
            let code = self.note("sh -eu < setup.sh", &output);
            assert_eq!(code, 0, "{}", self.log);
        }
        let effective = server.run(
            "mkdir -p /run/sshd; [ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -A >/dev/null
             PATH=$PATH:/usr/sbin:/sbin; sshd -T -C user=nix-ssh,host=h,addr=127.0.0.1 | tr A-Z a-z",
        );
        let code = self.note("sshd -T", &effective);
        let shown = text(&effective.stdout);
        assert!(
            code == 0
                && shown.contains("nix-store --serve\n")
                && shown.contains("authorizedkeyscommand /etc/storekeeper/knock"),
            "{}",
            self.log
        );
        assert!(server.read("said").contains("systemctl reload ssh"));
        assert!(
            server
                .read("etc/nix/cache.example.org-1.pub")
                .starts_with("cache.example.org-1:")
        );
    }

    fn client(&mut self, line: &str) {
        match line {
            "sh client.sh" => {
                let script = fs::read_to_string(self.house.rig.file("client.sh")).unwrap();
                let output = self.laptop.run(&script);
                let code = self.note(line, &output);
                // Refused at first, as the text says.
                self.scripts += 1;
                assert_eq!(code == 0, self.scripts == 2, "{}", self.log);
            }
            "nix copy --from ssh://nix-ssh@cache.example.org /nix/store/…-hello-2.12" => {
                let path = self.house.rig.path(PATH);
                assert_eq!(self.house.rig.client_accepts(path), Ok(()), "{}", self.log);
            }
            other => panic!("no test runs {other:?}"),
        }
    }

    fn builder(&mut self, line: &str) {
        let rig = &self.house.rig;
        let words = shell_words::split(line).unwrap();
        let words = words.iter().skip(1).map(|word| match word.as_str() {
            "ssh-ng://root@cache.example.org" => "ssh-ng://root@127.0.0.1",
            "./result" => rig.path(PATH),
            other => other,
        });
        let options = format!(
            "-F none -i {0}/id -o IdentitiesOnly=yes -o UserKnownHostsFile={0}/known_hosts -o BatchMode=yes -p {1}",
            rig.scratch().display(),
            self.house.sshd.port
        );
        let output = rig
            .nix_here("nix")
            .env("NIX_SSHOPTS", options)
            .args(["--extra-experimental-features", "nix-command"])
            .args(words)
            .output()
            .unwrap();
        let code = self.note(line, &output);
        assert_eq!(code, 0, "{}", self.log);
    }
}

#[test]
fn every_command_of_the_guide_does_what_the_guide_says() {
    let house = House::new();
    let laptop = Machine::new(&house, "laptop", &["systemctl"]);
    let mut guide = Guide {
        house,
        laptop,
        log: String::new(),
        scripts: 0,
        whys: 0,
    };
    let page = fs::read_to_string("docs/guide.md").unwrap();
    let mut commands = 0;
    for (kind, lines) in blocks(&page) {
        if kind == "toml" {
            let config = Config::parse(&lines.join("\n"), "guide.toml".as_ref()).unwrap();
            assert_eq!(config.servers[0].name, "prod");
            continue;
        }
        for line in lines {
            match kind.as_str() {
                "sh admin" => guide.admin(&line),
                "sh client" => guide.client(&line),
                "sh builder" => guide.builder(&line),
                other => panic!("nobody runs a block of {other:?}"),
            }
            commands += 1;
        }
    }
    assert!(commands > 25, "{commands}");
    // What was done is in the log.
    let log = guide.house.json("audit prod", 0);
    let records = log["records"].as_array().unwrap();
    assert!(records.len() >= 6, "{log}");
    assert_eq!(log["whole"], true, "{log}");
}
