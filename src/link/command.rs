//! A fixed script with arguments becomes the one line that a login shell gets.
//!
//! In: a script from this program (never put together from data) and arguments from anywhere. Out: a line that every login shell reads the
//! same way (see `domain::login_line`), in which `sh` finds exactly those words. The script itself is always run by `sh`.

use super::error::LinkError;
use crate::domain::login_line;

/// Programs speak English, whatever the language of the server.
const LOCALE: [&str; 2] = ["env", "LC_ALL=C"];

/// A command: script, arguments, and whether it runs through sudo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    script: &'static str,
    args: Vec<String>,
    sudo: bool,
    watching: bool,
}

impl Command {
    /// The longest line that is sent. Linux takes at most 128 KiB for one argument, and sshd hands the whole line to the login
    /// shell as one (execve(2), `MAX_ARG_STRLEN`).
    pub const MAX_BYTES: usize = 120 * 1024;

    /// A script without arguments. In it `$1` is the first argument and `$0` is `storekeeper`.
    pub fn script(script: &'static str) -> Self {
        Self {
            script,
            args: Vec::new(),
            sudo: false,
            watching: false,
        }
    }

    /// Adds an argument. Any text but NUL.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several.
    pub fn args<I: IntoIterator<Item = S>, S: Into<String>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Whether it runs as root through `sudo -n` (which fails, rather than ask for a password).
    pub fn sudo(mut self, sudo: bool) -> Self {
        self.sudo = sudo;
        self
    }

    /// Its input stays open until it has ended, so that the script can notice when nobody waits for it any more: sshd passes
    /// no signal on to a command of root's.
    pub fn watching(mut self) -> Self {
        self.watching = true;
        self
    }

    /// Whether its input stays open.
    pub(super) fn is_watching(&self) -> bool {
        self.watching
    }

    /// The words, for a start without a login shell.
    pub(crate) fn words(&self) -> Result<Vec<&str>, LinkError> {
        let mut words: Vec<&str> = Vec::with_capacity(self.args.len() + 9);
        if self.sudo {
            words.extend(["sudo", "-n", "--"]);
        }
        words.extend(LOCALE);
        words.extend(["sh", "-c", self.script, "storekeeper"]);
        words.extend(self.args.iter().map(String::as_str));
        if words.iter().any(|word| word.contains('\0')) {
            return Err(LinkError::Command {
                why: "an argument has a NUL byte".into(),
            });
        }
        Ok(words)
    }

    /// The text for `sh`. Where there is no sudo, which need not keep the variable, the shell sets it: one program less to start.
    fn text(&self) -> Result<String, LinkError> {
        let words = self.words()?;
        let (mut text, words) = match words.strip_prefix(&LOCALE) {
            Some(words) => (String::from("LC_ALL=C; export LC_ALL; exec"), words),
            None => (String::from("exec"), &words[..]),
        };
        for word in words {
            text.push(' ');
            quote_into(&mut text, word);
        }
        Ok(text)
    }

    /// The line for a login shell.
    pub fn line(&self) -> Result<String, LinkError> {
        let line = login_line::encode(&self.text()?);
        if line.len() > Self::MAX_BYTES {
            return Err(LinkError::Command {
                why: format!(
                    "it has {} bytes, at most {} fit",
                    line.len(),
                    Self::MAX_BYTES
                ),
            });
        }
        Ok(line)
    }
}

/// One word, quoted. fish reads a backslash inside single quotes as an escape, POSIX shells do not: so backslashes and
/// single quotes are written outside of them.
pub fn quote(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 2);
    quote_into(&mut out, word);
    out
}

fn quote_into(out: &mut String, word: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./,:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        out.push_str(word);
        return;
    }
    out.push('\'');
    for c in word.chars() {
        match c {
            '\'' => out.push_str("'\\''"),
            '\\' => out.push_str("'\\\\'"),
            c => out.push(c),
        }
    }
    out.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let command = Command::script("echo \"$1\"").arg("a b").arg("").sudo(true);
        let text = "exec sudo -n -- env 'LC_ALL=C' sh -c 'echo \"$1\"' storekeeper 'a b' ''";
        assert_eq!(command.text().unwrap(), text);
        assert_eq!(
            login_line::decode(command.line().unwrap().as_bytes()).unwrap(),
            text.as_bytes()
        );
        let plain = Command::script("true").arg("a b").text().unwrap();
        assert_eq!(
            plain,
            "LC_ALL=C; export LC_ALL; exec sh -c true storekeeper 'a b'"
        );
        assert_eq!(quote("it's"), "'it'\\''s'");
        assert_eq!(quote("a\\b"), "'a'\\\\'b'");
        assert_eq!(quote("-n"), "-n");
        assert!(Command::script("x").arg("a\0").line().is_err());
        assert!(
            Command::script("x")
                .arg("a".repeat(100_000))
                .line()
                .is_err()
        );
    }

    /// What a real shell makes of a line.
    fn through(shell: &str, line: &str) -> Option<Vec<u8>> {
        let output = std::process::Command::new(shell)
            .arg("-c")
            .arg(line)
            .output()
            .ok()?;
        assert!(output.status.success(), "{shell}: {line:?}: {output:?}");
        Some(output.stdout)
    }

    const PRINT: &str = "printf '%s\\n%s\\0' \"$0\" $# \"$@\"; printf '[%s]\\0' \"$LC_ALL\"";

    fn expected(args: &[String]) -> Vec<u8> {
        let mut out = format!("storekeeper\n{}\0", args.len()).into_bytes();
        // printf reuses its format for pairs of arguments.
        for pair in args.chunks(2) {
            out.extend(pair[0].as_bytes());
            out.push(b'\n');
            out.extend(pair.get(1).map(String::as_bytes).unwrap_or_default());
            out.push(0);
        }
        out.extend(b"[C]\0");
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_real_shell_reads_the_same_words(args in proptest::collection::vec("[^\0]{0,40}", 0..6)) {
            let line = Command::script(PRINT).args(args.clone()).line().unwrap();
            prop_assert_eq!(through("sh", &line).unwrap(), expected(&args));
        }
    }

    #[test]
    fn every_login_shell_reads_the_same_words() {
        let mut args: Vec<String> = [
            "a'b",
            "\\",
            "\\\\'",
            "\"$HOME\"",
            "`id`",
            "$(id)",
            "a\nb",
            "a\n\n",
            "!x !! !$",
            "100%",
            "%s",
            "é",
            "",
            "~",
            "*",
            "#x",
            "\\n",
            "'",
            "{a,b}",
            "\u{1f5dd}",
            "a;b&c|d",
        ]
        .map(String::from)
        .to_vec();
        // Beyond what a word of an old csh takes, and nearly all that a line takes.
        args.push("/nix/store/x ".repeat(6_000));
        // The script has lines and quotes, as those of this program have.
        let script = "# it's a script\nif :; then\n  printf '%s\\n%s\\0' \"$0\" $# \"$@\"; printf '[%s]\\0' \"$LC_ALL\"\nfi\n";
        let line = Command::script(script).args(args.clone()).line().unwrap();
        let required = ["sh", "bash", "dash", "zsh", "fish", "tcsh", "busybox sh"];
        for shell in required.iter().chain(&["csh", "ksh", "rc", "nu", "xonsh"]) {
            let mut words = shell.split(' ');
            let mut program = std::process::Command::new(words.next().unwrap());
            let home = tempfile::tempdir().unwrap();
            let output = program
                .args(words)
                .args(["-c", &line])
                .env("HOME", home.path())
                .output();
            match output {
                Ok(output) => {
                    assert!(output.status.success(), "{shell}: {output:?}");
                    assert_eq!(output.stdout, expected(&args), "{shell}");
                }
                Err(error) => assert!(!required.contains(shell), "{shell}: {error}"),
            }
        }
    }

    #[test]
    fn a_server_that_cannot_decode_it_does_not_look_like_one_that_ran_it() {
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &Command::script("true").line().unwrap()])
            .env("PATH", "/nonexistent")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(127), "{output:?}");
    }
}
