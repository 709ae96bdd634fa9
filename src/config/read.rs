//! From a checked document to [`Config`].
//!
//! In: the text of the file. Out: the configuration, or the first problem with its line. `schema::check` runs first, so
//! a value that is present here has the right form.

use super::colour::Colour;
use super::{Config, ConfigError, Remap, ServerConfig, home, schema, shown};
use crate::domain::{Age, PublicKey, Threshold, Thresholds};
use crate::domain::{Notice, notice};
use crate::server::{Reader, Sudo};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Reads the text of a configuration file.
pub(super) fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
    let invalid = |at: usize, problem: Notice| ConfigError::Invalid {
        file: shown(file),
        line: line_of(text, at),
        problem,
    };
    let document = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let what = crate::domain::text::plain(error.message());
        invalid(at, notice!("this is not TOML ({what})", "correct the line"))
    })?;
    let root = document.get_ref();
    if let Some(problem) = schema::check(root) {
        return Err(invalid(problem.at, problem.notice));
    }
    let keys = entries(root, "keys")
        .map(|(action, at, value)| Remap {
            action: action.to_owned(),
            keys: one_or_more(value),
            line: line_of(text, at),
        })
        .collect();
    let filters = entries(root, "filters")
        .filter_map(|(name, _, value)| Some((name.to_owned(), value.as_str()?.to_owned())))
        .collect();
    let store_columns = get(root, "columns")
        .and_then(DeValue::as_table)
        .and_then(|table| strings(table, "store"));
    let servers = entries(root, "servers")
        .filter_map(|(name, _, value)| Some(server(name, value.as_table()?)))
        .collect();
    Ok(Config {
        file: Some(file.to_path_buf()),
        theme: string(root, "theme"),
        mouse: flag(root, "mouse"),
        ascii: flag(root, "ascii"),
        keys,
        filters,
        store_columns,
        servers,
    })
}

fn server(name: &str, table: &DeTable<'_>) -> ServerConfig {
    let mut server = ServerConfig::unconfigured(name);
    let home = home::home();
    let set = |slot: &mut String, key: &str| {
        if let Some(value) = string(table, key) {
            *slot = value;
        }
    };
    set(&mut server.host, "host");
    set(&mut server.audit_log, "audit_log");
    set(&mut server.nix_command, "nix_command");
    set(&mut server.cache_user, "cache_user");
    set(&mut server.requests_dir, "requests_dir");
    set(&mut server.pins_dir, "pins_dir");
    server.key_files = strings(table, "key_files").unwrap_or_default();
    server.sshd_log = string(table, "sshd_log");
    server.user = string(table, "user");
    server.port = get(table, "port").and_then(schema::port);
    server.identity_files = strings(table, "identity_files")
        .into_iter()
        .flatten()
        .map(|path| home::expand(&path, home.as_deref()))
        .collect::<Vec<PathBuf>>();
    server.audit_key = string(table, "audit_key").map(|path| home::expand(&path, home.as_deref()));
    server.jump = string(table, "jump");
    server.sudo = match string(table, "sudo").as_deref() {
        Some("always") => Sudo::Always,
        Some("never") => Sudo::Never,
        _ => Sudo::Auto,
    };
    server.reader = match string(table, "reader").as_deref() {
        Some("database") => Reader::Database,
        Some("daemon") => Reader::Daemon,
        _ => Reader::Auto,
    };
    server.read_only = flag(table, "read_only");
    server.colour = string(table, "colour").and_then(|word| Colour::from_word(&word));
    server.cache_address = string(table, "cache_address");
    server.signing_key = string(table, "signing_key");
    let mut others = Vec::new();
    let mut keys = |slot: &mut Vec<PublicKey>, key: &str| {
        let Some(texts) = strings(table, key) else {
            return;
        };
        slot.clear();
        for text in texts {
            match PublicKey::parse(&text) {
                Ok(public) => slot.push(public),
                Err(_) => others.extend(text.split(':').next().map(str::to_owned)),
            }
        }
    };
    keys(&mut server.public_keys, "public_keys");
    keys(&mut server.retired_keys, "retired_keys");
    keys(&mut server.upstream_keys, "upstream_keys");
    keys(&mut server.audit_public_keys, "audit_public_keys");
    server.other_algorithms = others;
    server.compromised_keys = strings(table, "compromised_keys").unwrap_or_default();
    if let Some(words) =
        string(table, "daemon_command").and_then(|line| shell_words::split(&line).ok())
    {
        server.daemon_command = words;
    }
    if let Some(table) = get(table, "thresholds").and_then(DeValue::as_table) {
        server.thresholds = thresholds(table);
    }
    server
}

/// The limits of the health checks; what is not named keeps its default.
fn thresholds(table: &DeTable<'_>) -> Thresholds {
    let limit = |key: &str| Threshold::parse(&string(table, key)?).ok();
    let age = |key: &str| string(table, key)?.parse::<Age>().ok();
    let default = Thresholds::default();
    Thresholds {
        disk_warning: limit("disk_warning").unwrap_or(default.disk_warning),
        disk_critical: limit("disk_critical").unwrap_or(default.disk_critical),
        inodes_warning: limit("inodes_warning").unwrap_or(default.inodes_warning),
        inodes_critical: limit("inodes_critical").unwrap_or(default.inodes_critical),
        database: match limit("database") {
            Some(Threshold::Size(size)) => Some(size),
            _ => default.database,
        },
        key_age: age("key_age").or(default.key_age),
        review_age: age("review_age").or(default.review_age),
        request_age: age("request_age").unwrap_or(default.request_age),
        collection_age: age("collection_age").unwrap_or(default.collection_age),
    }
}

fn get<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a DeValue<'i>> {
    table.get(key).map(toml::Spanned::get_ref)
}

fn string(table: &DeTable<'_>, key: &str) -> Option<String> {
    get(table, key)?.as_str().map(str::to_owned)
}

fn flag(table: &DeTable<'_>, key: &str) -> bool {
    get(table, key).and_then(DeValue::as_bool).unwrap_or(false)
}

fn strings(table: &DeTable<'_>, key: &str) -> Option<Vec<String>> {
    get(table, key).filter(|v| v.is_array()).map(one_or_more)
}

fn one_or_more(value: &DeValue<'_>) -> Vec<String> {
    match value.as_array() {
        Some(items) => items
            .iter()
            .filter_map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect(),
        None => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// Name, offset and value of each entry of a table in the document.
fn entries<'a, 'i>(
    root: &'a DeTable<'i>,
    key: &str,
) -> impl Iterator<Item = (&'a str, usize, &'a DeValue<'i>)> {
    get(root, key)
        .and_then(DeValue::as_table)
        .into_iter()
        .flat_map(|table| {
            table
                .iter()
                .map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value.get_ref()))
        })
}

/// The line of an offset, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    let end = at.min(text.len());
    text.as_bytes()[..end].split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Bytes;
    use proptest::prelude::*;

    fn config(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("c.toml"))
    }

    fn error(text: &str) -> String {
        config(text).unwrap_err().to_string()
    }

    /// The example of the manual, whole: every key is known and every value is taken.
    const EXAMPLE: &str = r#"
theme = "dark"
mouse = true
ascii = false
[keys]
"store.search" = "/"
"app.quit" = ["q", "ctrl-q"]

[servers.prod]
host = "cache.example.org"
user = "root"
port = 2222
identity_files = ["~/.ssh/id_ed25519", "/etc/key"]
jump = "bastion.example.org"
sudo = "never"
read_only = true
cache_user = "nix-ssh"
cache_address = "ssh://nix-ssh@cache.example.org"
key_files = []
signing_key = "/root/nix-cache-key.sec"
public_keys = ["test-key-1:DIY1mU4LCDPftuy4qTEQxRmlP7xUDywWoR/jixfd498="]
retired_keys = []
upstream_keys = ["cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="]
requests_dir = "/var/lib/storekeeper/requests"
audit_log = "/var/log/audit.jsonl"
audit_key = "/etc/audit-key.sec"
audit_public_keys = ["test-key-1:DIY1mU4LCDPftuy4qTEQxRmlP7xUDywWoR/jixfd498="]
pins_dir = "/nix/var/nix/gcroots/storekeeper"
daemon_command = "nix-daemon --stdio --option 'x y' z"
nix_command = "/opt/nix/bin/nix"
reader = "database"
agent = "auto"
[servers.prod.thresholds]
disk_warning = "20%"
disk_critical = "10G"
inodes_warning = "8%"
inodes_critical = "2%"
database = "20G"
key_age = "90d"
review_age = "180d"
request_age = "1d"
collection_age = "2h"
"#;

    #[test]
    fn reads_all_of_the_example() {
        let config = config(EXAMPLE).unwrap();
        assert_eq!(config.theme.as_deref(), Some("dark"));
        assert!(config.mouse);
        assert_eq!(
            config.keys,
            [
                Remap {
                    action: "store.search".into(),
                    keys: vec!["/".into()],
                    line: 6,
                },
                Remap {
                    action: "app.quit".into(),
                    keys: vec!["q".into(), "ctrl-q".into()],
                    line: 7,
                },
            ]
        );
        let [server] = config.servers.as_slice() else {
            panic!("one server");
        };
        assert_eq!(
            (server.name.as_str(), server.host.as_str()),
            ("prod", "cache.example.org")
        );
        assert_eq!(
            (server.user.as_deref(), server.port),
            (Some("root"), Some(2222))
        );
        assert_eq!(server.identity_files.len(), 2);
        assert!(server.identity_files[0].ends_with(".ssh/id_ed25519"));
        assert!(server.identity_files[0].is_absolute());
        assert_eq!(server.sudo, Sudo::Never);
        assert_eq!(server.reader, Reader::Database);
        assert!(server.read_only);
        assert_eq!(server.public_keys.len(), 1);
        assert!(server.retired_keys.is_empty());
        assert_eq!(server.upstream_keys.len(), 1);
        assert_eq!(
            server.daemon_command,
            ["nix-daemon", "--stdio", "--option", "x y", "z"]
        );
        assert_eq!(
            server.thresholds,
            Thresholds {
                disk_warning: Threshold::Percent(20.0),
                disk_critical: Threshold::Size(Bytes(10 << 30)),
                inodes_warning: Threshold::Percent(8.0),
                inodes_critical: Threshold::Percent(2.0),
                database: Some(Bytes(20 << 30)),
                key_age: Some(Age(90 * 86_400)),
                review_age: Some(Age(180 * 86_400)),
                request_age: Age(86_400),
                collection_age: Age(7200),
            }
        );
    }

    #[test]
    fn everything_has_a_default() {
        assert_eq!(
            config("").unwrap(),
            Config {
                file: Some("c.toml".into()),
                ..Config::default()
            }
        );
        let config = config("[servers.\"cache.example.org\"]").unwrap();
        assert_eq!(
            config.servers,
            [ServerConfig::unconfigured("cache.example.org")]
        );
        assert_eq!(config.servers[0].upstream_keys.len(), 1);
    }

    #[test]
    fn an_emptied_list_is_not_the_default() {
        let config = config("[servers.a]\nupstream_keys = []").unwrap();
        assert!(config.servers[0].upstream_keys.is_empty());
    }

    #[test]
    fn the_first_problem_of_the_file_is_reported() {
        assert_eq!(
            error("[servers.a]\nprot = 22\nmouse = 1\n"),
            "c.toml:2: unknown key \"prot\" in [servers.a]; the nearest known name is \"port\""
        );
        assert_eq!(
            error("colour = 1"),
            "c.toml:1: unknown key \"colour\"; the nearest known name is \"columns\""
        );
        assert_eq!(
            error("[servers.a]\nhost = \"h\"\n[servers.a.threshold]\ndisk_warning = \"1%\""),
            "c.toml:3: unknown key \"threshold\" in [servers.a]; the nearest known name is \"thresholds\""
        );
    }

    #[test]
    fn thresholds_have_units_and_near_names() {
        let of = |line: &str| error(&format!("[servers.a.thresholds]\n{line}"));
        for (line, words) in [
            (
                "request_aeg = \"1d\"",
                "the nearest known name is \"request_age\"",
            ),
            (
                "inodes_warning = \"20G\"",
                "must be a share such as \"15%\"",
            ),
            ("database = \"20%\"", "must be a size such as \"20G\""),
            ("key_age = \"90\"", "must be an age such as \"7d\""),
        ] {
            let said = of(line);
            assert!(
                said.starts_with("c.toml:2: ") && said.contains(words),
                "{said}"
            );
        }
    }

    #[test]
    fn hostile_names_are_inert() {
        let text = error("\"a\\u001b[2J\" = 1");
        assert!(text.contains("a\\e[2J"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,200}") {
            let _ = config(&text);
        }

        #[test]
        fn never_panics_on_documents(
            lines in prop::collection::vec(
                ("(theme|mouse|keys|servers|servers\\.a|servers\\.a\\.port|servers\\.a\\.thresholds|\\[servers\\.b\\]|\\[\\[keys\\]\\]|host|sudo|public_keys|x)",
                 "(1|-1|0x10|1e999|true|\"\"|\"x\"|\"1%\"|\\[\\]|\\[1, \"a:b\"\\]|\\{a = 1\\}|1979-05-27|'\u{202e}')"),
                0..8),
        ) {
            let text: String = lines.iter().map(|(key, value)| {
                if key.starts_with('[') { format!("{key}\n") } else { format!("{key} = {value}\n") }
            }).collect();
            if let Err(ConfigError::Invalid { line, .. }) = config(&text) {
                prop_assert!(line <= lines.len() + 1);
            }
        }
    }
}
