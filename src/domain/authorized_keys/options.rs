//! The options before a key, read exactly as sshd reads them.
//!
//! In: the first field of a line. Out: what sshd makes of it, or why it disables the line, which it does without a word in its log.
//! Sources: sshd(8), "`AUTHORIZED_KEYS` FILE FORMAT"; OpenSSH's auth-options.c (`sshauthopt_parse`) and misc.c (`opt_flag`, `opt_dequote`).

use super::Expiry;
use std::ops::Range;
use thiserror::Error;

/// Environment strings that one line may have.
const MOST_ENVIRONMENT: usize = 1024;

/// Why sshd does not take a line's options. The line is then as good as not there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OptionError {
    /// A word that is no option, or one with something behind it.
    #[error("the option {0:?} is unknown to sshd")]
    Unknown(String),
    /// A value without its quotes.
    #[error("the value of {0} does not begin with a double quote")]
    StartQuote(&'static str),
    /// A value that does not end.
    #[error("a value has no closing double quote")]
    EndQuote,
    /// Given twice.
    #[error("{0} is given more than once")]
    Repeated(&'static str),
    /// Not a time.
    #[error("{0:?} is no time; write YYYYMMDDZ or YYYYMMDDHHMMSSZ")]
    Expiry(String),
    /// Not `NAME=value`.
    #[error("environment={0:?} is not of the form NAME=value")]
    Environment(String),
    /// More environment strings than sshd takes.
    #[error("there are too many environment options")]
    TooMany,
    /// Not `host:port`.
    #[error("{0}={1:?} is not of the form host:port")]
    Permit(&'static str, String),
    /// Not a tunnel device.
    #[error("tunnel={0:?} names no device")]
    Tunnel(String),
}

/// What an option does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// A flag, by its name without `no-`, and whether it is on.
    Flag(&'static str, bool),
    /// A value, by its option's name, without its quotes.
    Value(&'static str, String),
}

/// The options of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
// Each is a switch of sshd's own, on or off whatever the others are.
#[allow(clippy::struct_excessive_bools)]
pub struct KeyOptions {
    /// `restrict` was there.
    pub restrict: bool,
    /// The key signs certificates and does not log in itself.
    pub cert_authority: bool,
    /// Ports may be forwarded, as far as the line goes.
    pub port_forwarding: bool,
    /// The agent may be forwarded.
    pub agent_forwarding: bool,
    /// X11 may be forwarded.
    pub x11_forwarding: bool,
    /// A terminal is given.
    pub pty: bool,
    /// `~/.ssh/rc` is run.
    pub user_rc: bool,
    /// A token's key has to be touched.
    pub touch_required: bool,
    /// A token's key needs a PIN too.
    pub verify_required: bool,
    /// `command=`.
    pub command: Option<String>,
    /// `principals=`.
    pub principals: Option<String>,
    /// `from=`.
    pub from: Option<String>,
    /// `expiry-time=`; of several the earliest.
    pub expiry: Option<Expiry>,
    /// `environment=`.
    pub environment: Vec<String>,
    /// `permitopen=`; empty is no limit.
    pub permit_open: Vec<String>,
    /// `permitlisten=`; empty is no limit.
    pub permit_listen: Vec<String>,
    /// `tunnel=`.
    pub tunnel: Option<String>,
    /// As they are written, one by one.
    pub written: Vec<String>,
}

impl Default for KeyOptions {
    /// No options: all is allowed.
    fn default() -> Self {
        Self {
            restrict: false,
            cert_authority: false,
            port_forwarding: true,
            agent_forwarding: true,
            x11_forwarding: true,
            pty: true,
            user_rc: true,
            touch_required: true,
            verify_required: false,
            command: None,
            principals: None,
            from: None,
            expiry: None,
            environment: Vec::new(),
            permit_open: Vec::new(),
            permit_listen: Vec::new(),
            tunnel: None,
            written: Vec::new(),
        }
    }
}

impl KeyOptions {
    /// Reads the field, without the blank behind it.
    pub fn parse(field: &[u8]) -> Result<Self, OptionError> {
        let mut options = Self::default();
        for (range, word) in words(field)? {
            options.take(word)?;
            let text = String::from_utf8_lossy(&field[range]);
            options.written.push(text.into_owned());
        }
        Ok(options)
    }

    fn take(&mut self, word: Word) -> Result<(), OptionError> {
        match word {
            Word::Flag(name, on) => self.flag(name, on),
            Word::Value("command", value) => once(&mut self.command, "command", value)?,
            Word::Value("principals", value) => once(&mut self.principals, "principals", value)?,
            Word::Value("from", value) => once(&mut self.from, "from", value)?,
            Word::Value("expiry-time", value) => {
                let expiry = Expiry::parse(&value).ok_or(OptionError::Expiry(value))?;
                // sshd compares moments in its own time zone; the order of two kinds of zone is unknown.
                let earlier = self.expiry.is_none_or(|old| expiry.at(0) < old.at(0));
                if earlier {
                    self.expiry = Some(expiry);
                }
            }
            Word::Value("environment", value) => {
                if self.environment.len() > MOST_ENVIRONMENT {
                    return Err(OptionError::TooMany);
                }
                let name = value.split_once('=').map(|(name, _)| name);
                let valid = |name: &str| {
                    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                };
                if !name.is_some_and(valid) {
                    return Err(OptionError::Environment(value));
                }
                self.environment.push(value);
            }
            Word::Value("permitopen", value) => {
                if !host_and_port(&value) {
                    return Err(OptionError::Permit("permitopen", value));
                }
                self.permit_open.push(value);
            }
            Word::Value("permitlisten", value) => {
                if !(host_and_port(&value) || port(&value)) {
                    return Err(OptionError::Permit("permitlisten", value));
                }
                self.permit_listen.push(value);
            }
            Word::Value(_, value) => {
                if !device(&value) {
                    return Err(OptionError::Tunnel(value));
                }
                self.tunnel = Some(value);
            }
        }
        Ok(())
    }

    fn flag(&mut self, name: &str, on: bool) {
        match name {
            "restrict" => {
                self.restrict = true;
                self.port_forwarding = false;
                self.agent_forwarding = false;
                self.x11_forwarding = false;
                self.pty = false;
                self.user_rc = false;
            }
            "cert-authority" => self.cert_authority = true,
            "port-forwarding" => self.port_forwarding = on,
            "agent-forwarding" => self.agent_forwarding = on,
            "X11-forwarding" => self.x11_forwarding = on,
            "touch-required" => self.touch_required = on,
            "verify-required" => self.verify_required = on,
            "pty" => self.pty = on,
            _ => self.user_rc = on,
        }
    }
}

/// The single options of a field with where they stand. Empty ones (`a,,b`) are passed over, as sshd does.
pub(super) fn words(field: &[u8]) -> Result<Vec<(Range<usize>, Word)>, OptionError> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < field.len() {
        let from = at;
        if let Some(word) = word(field, &mut at)? {
            found.push((from..at, word));
        }
        match field.get(at) {
            None => break,
            Some(b',') => at += 1,
            Some(_) => {
                let end = field[from..].iter().position(|byte| *byte == b',');
                let end = end.map_or(field.len(), |end| from + end);
                let text = String::from_utf8_lossy(&field[from..end]);
                return Err(OptionError::Unknown(text.into_owned()));
            }
        }
    }
    Ok(found)
}

/// One option; `None` where none begins.
fn word(field: &[u8], at: &mut usize) -> Result<Option<Word>, OptionError> {
    // In sshd's order; whether `no-` may stand before it.
    const FLAGS: [(&str, bool); 9] = [
        ("restrict", false),
        ("cert-authority", false),
        ("port-forwarding", true),
        ("agent-forwarding", true),
        ("X11-forwarding", true),
        ("touch-required", true),
        ("verify-required", true),
        ("pty", true),
        ("user-rc", true),
    ];
    const VALUES: [&str; 8] = [
        "command",
        "principals",
        "from",
        "expiry-time",
        "environment",
        "permitopen",
        "permitlisten",
        "tunnel",
    ];
    let rest = &field[*at..];
    let starts = |rest: &[u8], name: &str| {
        rest.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    for (name, negatable) in FLAGS {
        let negated = negatable && starts(rest, "no-");
        let skip = if negated { 3 } else { 0 };
        if starts(&rest[skip..], name) {
            *at += skip + name.len();
            return Ok(Some(Word::Flag(name, !negated)));
        }
    }
    for name in VALUES {
        if starts(rest, name) && rest.get(name.len()) == Some(&b'=') {
            *at += name.len() + 1;
            return Ok(Some(Word::Value(name, dequote(name, field, at)?)));
        }
    }
    Ok(None)
}

/// A value in quotes. Only a quote can be escaped; a backslash before anything else stands for itself.
fn dequote(name: &'static str, field: &[u8], at: &mut usize) -> Result<String, OptionError> {
    if field.get(*at) != Some(&b'"') {
        return Err(OptionError::StartQuote(name));
    }
    *at += 1;
    let mut value = Vec::new();
    loop {
        match (field.get(*at), field.get(*at + 1)) {
            (None, _) => return Err(OptionError::EndQuote),
            (Some(b'"'), _) => break,
            (Some(b'\\'), Some(b'"')) => {
                value.push(b'"');
                *at += 2;
            }
            (Some(byte), _) => {
                value.push(*byte);
                *at += 1;
            }
        }
    }
    *at += 1;
    Ok(String::from_utf8_lossy(&value).into_owned())
}

fn once(slot: &mut Option<String>, name: &'static str, value: String) -> Result<(), OptionError> {
    if slot.is_some() {
        return Err(OptionError::Repeated(name));
    }
    *slot = Some(value);
    Ok(())
}

/// `host:port`, `[host]:port`, the port a number or `*`.
fn host_and_port(text: &str) -> bool {
    let split = match text.strip_prefix('[') {
        Some(rest) => rest
            .split_once(']')
            .and_then(|(host, rest)| rest.strip_prefix([':', '/']).map(|port| (host, port))),
        None => text.split_once([':', '/']),
    };
    split.is_some_and(|(host, number)| host.len() < 1025 && port(number))
}

/// A number, `*`, or what may be the name of a service on the server.
fn port(text: &str) -> bool {
    let name = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text == "*" || name(text) || text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// `any`, `2` or `2:any`.
fn device(text: &str) -> bool {
    let one = |text: &str| text.eq_ignore_ascii_case("any") || text.parse::<u16>().is_ok();
    match text.split_once(':') {
        Some((local, remote)) => one(local) && one(remote),
        None => one(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(field: &str) -> Result<KeyOptions, OptionError> {
        KeyOptions::parse(field.as_bytes())
    }

    #[test]
    fn reads_all_of_them() {
        let options = parse(
            r#"Restrict,PTY,command="say \"hi\" \n, now",from="10.0.0.0/8,!10.9.9.9",expiry-time="20270220Z",environment="A_1=b=c",permitopen="h:1",permitopen="[::1]:*",permitlisten="80",tunnel="0",principals="a,b",no-touch-required,verify-required"#,
        )
        .unwrap();
        assert!(options.restrict && options.pty && !options.port_forwarding && !options.user_rc);
        assert_eq!(options.command.as_deref(), Some(r#"say "hi" \n, now"#));
        assert_eq!(options.from.as_deref(), Some("10.0.0.0/8,!10.9.9.9"));
        assert_eq!(options.expiry, Expiry::parse("20270220Z"));
        assert_eq!(options.environment, ["A_1=b=c"]);
        assert_eq!(options.permit_open, ["h:1", "[::1]:*"]);
        assert_eq!(options.permit_listen, ["80"]);
        assert!(!options.touch_required && options.verify_required);
        assert_eq!(options.written.len(), 13);
        assert_eq!(options.written[2], r#"command="say \"hi\" \n, now""#);
    }

    #[test]
    fn order_counts() {
        assert!(!parse("pty,restrict").unwrap().pty);
        assert!(parse("restrict,pty").unwrap().pty);
        assert!(
            !parse("port-forwarding,no-port-forwarding")
                .unwrap()
                .port_forwarding
        );
        let two = parse(r#"expiry-time="20270220Z",expiry-time="20260220Z""#).unwrap();
        assert_eq!(two.expiry, Expiry::parse("20260220Z"));
    }

    #[test]
    fn passes_over_empty_ones() {
        assert!(parse(",restrict,,pty,").unwrap().restrict);
        assert_eq!(parse("").unwrap(), KeyOptions::default());
    }

    #[test]
    fn refuses_what_sshd_refuses() {
        for (field, error) in [
            ("restrictx", OptionError::Unknown("restrictx".into())),
            ("no-restrict", OptionError::Unknown("no-restrict".into())),
            ("pty,foo=\"1\",x", OptionError::Unknown("foo=\"1\"".into())),
            ("command", OptionError::Unknown("command".into())),
            ("command=ls", OptionError::StartQuote("command")),
            ("command=\"ls", OptionError::EndQuote),
            ("command=\"ls\\\"", OptionError::EndQuote),
            (
                "command=\"a\"b",
                OptionError::Unknown("command=\"a\"b".into()),
            ),
            (
                "command=\"a\",Command=\"a\"",
                OptionError::Repeated("command"),
            ),
            ("from=\"a\",from=\"b\"", OptionError::Repeated("from")),
            (
                "principals=\"a\",principals=\"b\"",
                OptionError::Repeated("principals"),
            ),
            (
                "expiry-time=\"2027-01-01\"",
                OptionError::Expiry("2027-01-01".into()),
            ),
            ("environment=\"=x\"", OptionError::Environment("=x".into())),
            ("environment=\"A\"", OptionError::Environment("A".into())),
            (
                "permitopen=\"h:\"",
                OptionError::Permit("permitopen", "h:".into()),
            ),
            (
                "permitopen=\"80\"",
                OptionError::Permit("permitopen", "80".into()),
            ),
            (
                "permitlisten=\"h:0\"",
                OptionError::Permit("permitlisten", "h:0".into()),
            ),
            ("tunnel=\"x\"", OptionError::Tunnel("x".into())),
        ] {
            assert_eq!(parse(field), Err(error), "{field}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(field in proptest::collection::vec(any::<u8>(), 0..80), text in r#"((no-)?(pty|restrict|command|from|expiry-time|tunnel)(="?[a-z0-9\\" ,:]{0,6}"?)?,?){0,4}"#) {
            let _ = KeyOptions::parse(&field);
            let _ = parse(&text);
        }

        #[test]
        fn a_quoted_command_reads_back(command in r"[a-z \\,=']{0,20}[a-z]") {
            let options = parse(&format!("command=\"{command}\"")).unwrap();
            prop_assert_eq!(options.command, Some(command));
        }
    }
}
