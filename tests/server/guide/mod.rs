//! `docs/guide.md` and the first screen of the README, walked from an empty server: each command as it stands there, in the order of the
//! text.
//!
//! What differs from the text, since there is no other machine and no other network here:
//! - `apt` on the server: Nix, sshd and their files are there already; what Debian's packages set up and start is done by [`INSTALL`].
//! - What the table of machines asks for is made by [`YOURS`] and [`BUILDER`], and the first question of ssh is answered with yes.
//! - `systemctl` is a script (`machines.sh`), and no machine asks cache.nixos.org.
//! - `3fa9` and the `…` of a store path stand for what the test has found out; `client.sh` is carried to its machine.
//! - `cargo` of the README: the program is there, made by the cargo that runs the tests.

mod machines;

use crate::help::text;
use machines::Machines;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

/// What `apt install nix-bin openssh-server` leaves on a Debian: the socket of the daemon is for one group.
const INSTALL: &str = "
    groupadd --force --system nix-users
    mkdir -p /etc/nix /nix/var/nix && printf 'sandbox = false\nsubstituters =\n' > /etc/nix/nix.conf
    install -d -m 770 -g nix-users /nix/var/nix/daemon-socket
    ssh-keygen -A && mkdir -p /run/sshd && /usr/sbin/sshd && systemctl restart nix-daemon";

/// A key, and ssh's first question answered.
const YOURS: &str = "
    mkdir -p -m 700 .ssh && ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519
    echo 'StrictHostKeyChecking accept-new' > .ssh/config";

/// A machine with Nix.
const NIX: &str = "
    mkdir -p /etc/nix && printf 'sandbox = false\nsubstituters =' > /etc/nix/nix.conf
    systemctl restart nix-daemon";

/// A build.
const BUILDER: &str = r#"
    cat > hello.nix <<'END'
derivation { name = "hello-2.12"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo hello > $out" ]; }
END
    nix-build --option build-users-group "" hello.nix"#;

/// Commands within sentences that are run once there is a request, and where.
const LOOKS: [(&str, &str); 3] = [
    ("server", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"),
    ("laptop", "ssh-keygen -lf /root/.ssh/id_ed25519.pub"),
    ("yours", "storekeeper requests prod prove 3fa9"),
];

/// Commands within sentences that are not run here, and why.
const BESIDE: [(&str, &str); 5] = [
    (
        "ssh-keygen -t ed25519",
        "the key of the table is made by it",
    ),
    ("apt install nix-bin openssh-client", "the table's"),
    ("nix-build", "the result is made by it"),
    ("storekeeper prod", "the console; tests/terminal has it"),
    (
        "storekeeper push prod ./result",
        "docs/push.md has its own test",
    ),
];

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

/// Commands that stand within sentences and tables.
fn beside(page: &str) -> BTreeSet<&str> {
    let prose = page.split("```").step_by(2);
    let code = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    code.filter(|code| {
        let first = code.split(' ').next().unwrap_or_default();
        *code == "nix-build"
            || *code != first && ["storekeeper", "ssh-keygen", "apt"].contains(&first)
    })
    .collect()
}

struct Guide {
    machines: Machines,
    log: String,
    /// How often the machine's script was run.
    scripts: usize,
    whys: usize,
}

impl Guide {
    /// Runs a line; what it printed.
    fn run(&mut self, machine: &str, line: &str) -> (i32, String) {
        let output = self.machines.run(machine, line);
        let code = output.status.code().unwrap_or(-1);
        let printed = text(&output.stdout);
        let _ = write!(
            self.log,
            "{machine}$ {line}\n{printed}{}-> {code}\n",
            text(&output.stderr)
        );
        (code, printed)
    }

    /// Runs what has to succeed.
    fn must(&mut self, machine: &str, line: &str) -> String {
        let (code, printed) = self.run(machine, line);
        assert_eq!(code, 0, "{}", self.log);
        printed
    }

    /// Appends a machine's public key to root's authorized keys of the server.
    fn admit(&mut self, machine: &str) {
        let key = self.must(machine, "cat .ssh/id_ed25519.pub");
        let line = format!(
            "mkdir -p -m 700 .ssh && echo '{}' >> .ssh/authorized_keys",
            key.trim()
        );
        self.must("server", &line);
    }

    fn server(&mut self, line: &str) {
        assert_eq!(line, "apt update && apt install nix-bin openssh-server");
        self.must("server", INSTALL);
    }

    fn admin(&mut self, line: &str) {
        let line = if line.contains("3fa9") {
            line.replace("3fa9", &self.request())
        } else {
            line.to_owned()
        };
        let (code, printed) = self.run("yours", &line);
        let words: Vec<&str> = line.split(' ').collect();
        let expected = match words.get(..2) {
            // Of all servers, some time after the first: somebody was refused.
            Some(["storekeeper", "status"]) if line.contains("--all") => 0..=1,
            // As the text says.
            Some(["storekeeper", "status"]) => {
                assert!(printed.starts_with("prod: fine"), "{}", self.log);
                let monitor = self.must("yours", &format!("{line} --format nagios"));
                assert!(
                    monitor.starts_with("STOREKEEPER OK - nothing needs attention | paths=0;"),
                    "{monitor}"
                );
                0..=0
            }
            Some(["storekeeper", "why"]) => {
                self.whys += 1;
                if self.whys == 1 { 1..=1 } else { 0..=0 }
            }
            _ => 0..=0,
        };
        assert!(expected.contains(&code), "{}", self.log);
    }

    /// The beginning of the id of the request.
    fn request(&mut self) -> String {
        let list = self.must("yours", "storekeeper requests prod list");
        list[..4].to_owned()
    }

    fn client(&mut self, line: &str) {
        if line == "sh -eu client.sh" {
            let script = self.must("yours", "cat client.sh");
            let carried = format!("cat > client.sh <<'END-OF-CLIENT'\n{script}END-OF-CLIENT");
            self.must("laptop", &carried);
            let (code, _) = self.run("laptop", line);
            self.scripts += 1;
            if self.scripts == 1 {
                let id = self.request();
                for (machine, look) in LOOKS {
                    self.must(machine, &look.replace("3fa9", &id));
                }
            }
            // As the text says: refused at first.
            assert_eq!(code == 0, self.scripts == 2, "{}", self.log);
            assert_eq!(
                self.log.matches("Permission denied").count(),
                1,
                "{}",
                self.log
            );
            return;
        }
        let path = self.must("builder", "readlink result");
        let hash = path.strip_prefix("/nix/store/").unwrap()[..32].to_owned();
        self.must("laptop", &line.replace('…', &hash));
    }

    /// What clients refuse they refuse here too: before it is signed, the machine does not get it.
    fn is_refused(&mut self) {
        let path = self.must("builder", "readlink result");
        let (code, _) = self.run("laptop", &format!("nix-store --realise {path}"));
        assert_ne!(code, 0, "{}", self.log);
    }
}

#[test]
fn each_command_of_the_guide_leads_from_an_empty_server_to_a_path_that_a_client_takes() {
    let mut guide = Guide {
        machines: Machines::new(&["server", "yours", "laptop", "builder"]),
        log: String::new(),
        scripts: 0,
        whys: 0,
    };
    for machine in ["yours", "builder"] {
        guide.must(machine, YOURS);
        guide.admit(machine);
    }
    for machine in ["laptop", "builder"] {
        guide.must(machine, NIX);
    }
    guide.must("builder", BUILDER);
    let page = fs::read_to_string("docs/guide.md").unwrap();
    let mut commands = 0;
    for (kind, lines) in blocks(&page) {
        if kind == "toml" {
            let text = lines.join("\n");
            guide.must(
                "yours",
                &format!("mkdir -p .config/storekeeper && cat > .config/storekeeper/config.toml <<'END'\n{text}\nEND"),
            );
            continue;
        }
        for line in lines {
            match kind.as_str() {
                "sh server" => guide.server(&line),
                "sh admin" => guide.admin(&line),
                "sh client" => guide.client(&line),
                "sh builder" => {
                    guide.must("builder", &line);
                    guide.is_refused();
                }
                other => panic!("nobody runs a block of {other:?}"),
            }
            commands += 1;
        }
    }
    assert!(commands > 25, "{commands}");
    // It is safe to run twice, and the end of a file is no part of the next line.
    let printed = guide.must("yours", "ssh root@cache.example.org sh -eu < setup.sh");
    assert!(printed.starts_with("Public key: cache.example.org-1:") && printed.ends_with('\n'));
    assert!(
        guide.log.contains("1 upload: hello-2.12\n"),
        "{}",
        guide.log
    );
    let conf = guide.must("laptop", "cat /etc/nix/nix.conf");
    assert!(
        conf.contains("\nsubstituters =\nextra-substituters = ssh://"),
        "{conf}"
    );
    // What was done is in the log.
    let records = guide.must("yours", "storekeeper audit prod --json");
    assert!(records.matches("\"change\":").count() >= 6, "{records}");
}

#[test]
fn the_first_server_of_the_readme_is_one_and_the_console_opens_on_it() {
    let mut guide = Guide {
        machines: Machines::new(&["server", "yours"]),
        log: String::new(),
        scripts: 0,
        whys: 0,
    };
    guide.must("yours", YOURS);
    guide.admit("yours");
    guide.must("server", INSTALL);
    let page = fs::read_to_string("README.md").unwrap();
    let lines: Vec<String> = (blocks(&page).into_iter())
        .flat_map(|(_, lines)| lines)
        .map(|line| line.split(" #").next().unwrap().trim_end().to_owned())
        .filter(|line| {
            ["storekeeper ", "ssh "]
                .iter()
                .any(|word| line.starts_with(word))
        })
        .collect();
    let [setup, run, status, console] = &lines[..] else {
        panic!("{lines:?}");
    };
    guide.must("yours", setup);
    let said = guide.must("yours", run);
    assert!(said.starts_with("Public key: "), "{said}");
    let said = guide.must("yours", status);
    assert!(said.contains(": fine"), "{said}");
    // On a terminal; whenever it opens, `q` ends it.
    let said = guide.must(
        "yours",
        &format!(
            "while sleep 0.2; do printf q; done | TERM=xterm script -qec 'stty rows 24 cols 80; {console}' /dev/null"
        ),
    );
    assert!(said.contains("1 Overview"), "{said}");
}

#[test]
fn what_stands_within_its_sentences_is_known_too() {
    let page = fs::read_to_string("docs/guide.md").unwrap();
    let not_run = BESIDE.iter().map(|(command, _)| *command);
    let known: BTreeSet<&str> = not_run.chain(LOOKS.map(|(_, command)| command)).collect();
    assert_eq!(beside(&page), known);
}
