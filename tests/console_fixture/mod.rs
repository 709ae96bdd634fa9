//! A console without a terminal and without a server: a model, a small store that never changes, and a backend that
//! answers at once. Times are relative to [`NOW`].

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "each test file uses a part of it"
)]

pub mod access;
pub mod snapshot;
pub mod space;

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use storekeeper::change::{Danger, Item, KeySource, Operation, Outcome, Plan, Policy, Receipt};
use storekeeper::console::jobs::JobId;
use storekeeper::console::keymap::Keymap;
use storekeeper::console::keys::Key;
use storekeeper::console::model::{Beginning, Model, ServerChoice, Trouble, What};
use storekeeper::console::msg::{Effect, Msg, PastChange};
use storekeeper::console::space::{Judged, Known, Planned};
use storekeeper::console::theme::{Abilities, Theme};
use storekeeper::console::update::update;
use storekeeper::domain::{
    Bytes, KeyName, KeyRing, NarHash, PathInfo, PublicKey, SigningKey, StorePath, Threshold, When,
};
use storekeeper::inventory::{self, Builder, Inventory, Row};
use storekeeper::judge::trust::assess;
use storekeeper::server::facts::{Database, Disk, Facts, Rights, ServerKey};
use zeroize::Zeroizing;

pub const NOW: i64 = 1_790_000_000;
const LIMITS: (Threshold, Threshold) = (Threshold::Percent(15.0), Threshold::Percent(5.0));
pub const OURS: &str = "cache.example.org-1";
const DAY: i64 = 86_400;

pub fn now() -> When {
    When::from_unix(NOW)
}

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(KeyName::new(name).unwrap(), &Zeroizing::new([seed; 32]))
}

fn public(key: &SigningKey) -> PublicKey {
    key.public()
}

pub fn ring() -> KeyRing {
    KeyRing::new(
        vec![public(&key(OURS, 1))],
        vec![public(&key("cache.example.org-0", 2))],
        vec![public(&key("cache.nixos.org-1", 3))],
    )
}

/// How a path of the small store is signed.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Ours,
    Upstream,
    Retired,
    Stranger,
    Bad,
    Not,
}

/// Name, references by place, size, age in seconds, how it is signed.
type Entry = (&'static str, &'static [usize], u64, i64, How);

const STORE: &[Entry] = &[
    ("glibc-2.39", &[], 31_457_280, 40 * DAY, How::Upstream),
    ("zlib-1.3.1", &[0], 131_072, 40 * DAY, How::Upstream),
    (
        "openssl-3.0.13",
        &[0, 1],
        6_291_456,
        40 * DAY,
        How::Upstream,
    ),
    ("curl-8.7.1", &[0, 1, 2], 1_048_576, 39 * DAY, How::Upstream),
    ("ledger-4.0", &[0, 3], 202_752, 41 * DAY, How::Ours),
    ("ledger-4.1", &[0, 3], 204_800, 9 * DAY, How::Ours),
    ("ledger-4.2", &[0, 2, 3], 204_800, 240, How::Not),
    ("ledger-4.2-doc", &[], 49_152, 260, How::Not),
    ("ledger-cli-4.1", &[0, 5], 12_582_912, 9 * DAY, How::Bad),
    ("storefront-2.0", &[3, 6], 52_428_800, 200, How::Not),
    (
        "storefront-1.0",
        &[3, 4],
        51_380_224,
        41 * DAY,
        How::Retired,
    ),
    ("orphan-tool-0.1", &[0], 3_145_728, 2 * DAY, How::Stranger),
    ("ledger-4.2.drv", &[], 2_048, 300, How::Ours),
    ("storefront-2.0.drv", &[12], 2_048, 290, How::Ours),
];

pub fn path(name: &str) -> StorePath {
    let mut digest = [0_u8; 20];
    for (at, byte) in name.bytes().enumerate() {
        digest[at % 20] = digest[at % 20]
            .wrapping_mul(31)
            .wrapping_add(byte.wrapping_mul(7));
    }
    for at in 1..20 {
        digest[at] = digest[at].wrapping_mul(5).wrapping_add(digest[at - 1]);
    }
    StorePath::from_parts(&digest, name).unwrap()
}

fn info(entry: &Entry) -> PathInfo {
    let (name, references, size, age, how) = entry;
    let own = path(name);
    let mut info = PathInfo {
        deriver: (*how == How::Not).then(|| path(&format!("{name}.drv"))),
        nar_hash: NarHash([own.digest()[3]; 32]),
        nar_size: *size,
        references: references.iter().map(|at| path(STORE[*at].0)).collect(),
        registered: When::from_unix(NOW - age),
        ultimate: false,
        signatures: vec![],
        content_address: None,
        path: own,
    };
    let signer = match how {
        How::Ours => Some(key(OURS, 1)),
        How::Retired => Some(key("cache.example.org-0", 2)),
        How::Upstream => Some(key("cache.nixos.org-1", 3)),
        How::Stranger => Some(key("someone-else-1", 9)),
        // Another key under our name.
        How::Bad => Some(key(OURS, 77)),
        How::Not => None,
    };
    if let Some(signer) = signer {
        info.signatures = vec![signer.sign(&info.fingerprint().unwrap()).to_string()];
    }
    info
}

/// The small store, so far as the first `read` paths are read.
pub fn store(read: usize) -> Inventory {
    let ring = ring();
    let mut builder = Builder::new(STORE.iter().map(|entry| path(entry.0)).collect());
    for entry in &STORE[..read.min(STORE.len())] {
        let info = info(entry);
        builder.add(&info, &assess(&ring, &info));
    }
    builder.finish()
}

/// The same paths, one gone, listed in another order: rows have other numbers.
pub fn store_shuffled(without: &str) -> Inventory {
    let ring = ring();
    let entries: Vec<&Entry> = STORE
        .iter()
        .rev()
        .filter(|entry| entry.0 != without)
        .collect();
    let mut builder = Builder::new(entries.iter().map(|entry| path(entry.0)).collect());
    for entry in entries {
        let info = info(entry);
        builder.add(&info, &assess(&ring, &info));
    }
    builder.finish()
}

/// The small store, of which the server can't read one path.
pub fn store_unreadable(name: &str) -> Inventory {
    let ring = ring();
    let mut builder = Builder::new(STORE.iter().map(|entry| path(entry.0)).collect());
    for entry in STORE {
        let info = info(entry);
        if entry.0 == name {
            builder.unreadable(&info.path, "no such row".to_owned());
        } else {
            builder.add(&info, &assess(&ring, &info));
        }
    }
    builder.finish()
}

/// A store of many paths without references.
pub fn large_store(paths: usize) -> Inventory {
    let ring = ring();
    let names: Vec<String> = (0..paths)
        .map(|n| format!("package-{n:05}-1.{}", n % 7))
        .collect();
    let mut builder = Builder::new(names.iter().map(|name| path(name)).collect());
    for (n, name) in names.iter().enumerate() {
        let info = PathInfo {
            path: path(name),
            deriver: None,
            nar_hash: NarHash(path(name).digest().repeat(2)[..32].try_into().unwrap()),
            nar_size: 1_000 + (n as u64 * 7_919) % 90_000_000,
            references: vec![],
            registered: When::from_unix(NOW - n as i64 * 37),
            ultimate: false,
            signatures: vec![],
            content_address: None,
        };
        builder.add(&info, &assess(&ring, &info));
    }
    builder.finish()
}

pub fn facts() -> Facts {
    Facts {
        at: now(),
        clock_skew: 1,
        user: "root".to_owned(),
        host: "cache".to_owned(),
        rights: Rights::Root,
        nix_version: "2.28.3".to_owned(),
        protocol: (1, 38),
        trusted: Some(true),
        disk: Some(Disk {
            size: Bytes(980 << 30),
            used: Bytes(804 << 30),
            available: Bytes(176 << 30),
            inodes: 1_000_000,
            inodes_used: 610_000,
        }),
        database: Some(Database {
            size: Bytes(1_288_490_188),
            wal: Bytes(4 << 20),
        }),
        mount: "/nix".to_owned(),
        store_dir: Some("/nix/store".to_owned()),
        state_dir: Some("/nix/var/nix".to_owned()),
        keys: ring(),
        signing_keys: vec![ServerKey {
            file: "/root/nix-cache-key.sec".to_owned(),
            name: Some(OURS.to_owned()),
            problem: None,
        }],
        server_trusts: vec![],
        store_writable: Some(true),
        unknown: vec!["refused logins can't be seen: LogLevel is INFO; set VERBOSE".to_owned()],
        logger: true,
    }
}

pub fn model(size: (u16, u16), theme: &str, read_only: bool) -> Model {
    let themes = Theme::embedded();
    let theme = Theme::position(&themes, theme).unwrap();
    Model::new(Beginning {
        size,
        now: now(),
        themes,
        theme,
        abilities: Abilities::default(),
        keymap: Keymap::new(&BTreeMap::new()).unwrap(),
        policy: Policy { read_only },
        server: "prod".to_owned(),
        place: "root@cache.example.org".to_owned(),
        servers: ["prod", "staging"]
            .map(|name| ServerChoice {
                name: name.to_owned(),
                read_only,
                limits: LIMITS,
            })
            .to_vec(),
        sources: vec![],
        limits: LIMITS,
    })
}

/// A console with a backend that answers at once.
pub struct Console {
    pub model: Model,
    /// Everything that was asked of the backend, as debug text.
    pub asked: Vec<String>,
    /// The jobs that were started, with what they would do.
    pub runs: Vec<(JobId, Plan)>,
    /// The comparisons that were started, with the rows that they are of.
    pub comparisons: Vec<(JobId, Option<Vec<Row>>)>,
    pub copied: Vec<String>,
    /// What a look at what fills the disk finds; nothing answers without it.
    pub space: Option<Known>,
    pub answers: Vec<(u64, Option<String>)>,
}

impl Console {
    pub fn new(model: Model) -> Self {
        let mut console = Self {
            model,
            asked: vec![],
            runs: vec![],
            comparisons: vec![],
            copied: vec![],
            space: None,
            answers: vec![],
        };
        console.send(Msg::Start);
        console
    }

    /// Connected, and the small store read.
    pub fn ready(size: (u16, u16), theme: &str, read_only: bool) -> Self {
        let mut console = Self::new(model(size, theme, read_only));
        console.connect();
        console.load(store(usize::MAX));
        console
    }

    /// The same, and what fills the disk looked at.
    pub fn with_space(size: (u16, u16), theme: &str, read_only: bool, space: Known) -> Self {
        let mut console = Self::new(model(size, theme, read_only));
        console.space = Some(space);
        console.connect();
        console.load(store(usize::MAX));
        console
    }

    pub fn connect(&mut self) {
        self.send(Msg::Up(Arc::new(facts())));
        self.send(Msg::RoundTrip(Duration::from_millis(12)));
        self.send(Msg::Audit(Ok(vec![past()])));
    }

    pub fn load(&mut self, inventory: Inventory) {
        let generation = self.model.data.generation + 1;
        self.send(Msg::Inventory {
            generation,
            inventory: Arc::new(inventory),
            loading: false,
        });
    }

    /// Takes a message in and does at once what follows from it.
    pub fn send(&mut self, message: Msg) {
        let mut messages = vec![message];
        while let Some(message) = messages.pop() {
            for effect in update(&mut self.model, now(), message) {
                self.asked.push(format!("{effect:?}"));
                messages.extend(self.answer(effect));
            }
        }
    }

    #[allow(clippy::too_many_lines, reason = "one arm for each effect")]
    fn answer(&mut self, effect: Effect) -> Option<Msg> {
        match effect {
            Effect::View {
                asked,
                generation,
                inventory,
                query,
                sort,
                hide_drv,
                judged,
            } => Some(Msg::View {
                asked,
                generation,
                view: inventory::view(
                    &inventory,
                    &query,
                    sort,
                    hide_drv,
                    now(),
                    judged
                        .as_ref()
                        .map_or_else(inventory::Known::default, |judged| judged.for_search()),
                    &AtomicBool::new(false),
                )
                .unwrap(),
            }),
            Effect::Group {
                asked,
                generation,
                inventory,
            } => Some(Msg::Groups {
                asked,
                generation,
                groups: inventory::unsigned_groups(&inventory),
                coverage: inventory::coverage(&inventory),
            }),
            Effect::Measure { inventory, rows } => {
                inventory.measure_closures_of(&rows, &AtomicBool::new(false));
                Some(Msg::Measured)
            }
            Effect::Chain {
                inventory,
                from,
                to,
            } => Some(Msg::Chain {
                from,
                to,
                chain: inventory
                    .why_depends(from, to)
                    .or_else(|| inventory.why_depends(to, from)),
            }),
            Effect::Plan {
                asked,
                inventory,
                what,
                closure,
                key,
                ..
            } => Some(Msg::Planned {
                asked,
                plan: Ok(Box::new(plan(&inventory, &what, closure, key))),
            }),
            Effect::ReadSpace { look } => {
                let known = self.space.clone()?;
                Some(Msg::Space {
                    look,
                    known: Ok(Arc::new(Known { look, ..known })),
                })
            }
            Effect::JudgeSpace {
                asked,
                generation,
                inventory,
                known,
            } => Some(Msg::SpaceJudged {
                asked,
                judged: Judged::new(generation, inventory, known, vec![], now())
                    .map(Arc::new)
                    .map_err(|why| Trouble::new(&why)),
            }),
            Effect::PlanCollection {
                asked,
                judged,
                rules,
                saved,
            } => {
                let plan = judged.plan(&rules, saved, now(), &AtomicBool::new(false));
                let collection = Arc::new(plan.unwrap());
                Some(Msg::SpacePlanned {
                    asked,
                    planned: Box::new(Planned {
                        judged,
                        rules,
                        saved,
                        collection,
                    }),
                })
            }
            Effect::WhyAlive { judged, row } => {
                let chain = judged.why_alive(row);
                Some(Msg::Alive { judged, row, chain })
            }
            Effect::PlanSpace { asked, order } => Some(Msg::Planned {
                asked,
                plan: space::plan(&order).map(Box::new),
            }),
            Effect::PlanAccess { asked, order } => Some(Msg::Planned {
                asked,
                plan: storekeeper::console::access::plan(&order, &access::about(), "root")
                    .map(Box::new),
            }),
            Effect::Run { job, confirmed } => {
                self.runs.push((job, confirmed.plan().clone()));
                None
            }
            Effect::Compare { job, rows, .. } => {
                self.comparisons.push((job, rows));
                None
            }
            Effect::Copy(text) => {
                let bytes = text.len();
                self.copied.push(text);
                Some(Msg::Toast(format!(
                    "copied {bytes} bytes through the terminal"
                )))
            }
            Effect::Answer { id, answer } => {
                self.answers
                    .push((id, answer.map(|mut answer| answer.take().to_string())));
                None
            }
            _ => None,
        }
    }

    pub fn key(&mut self, key: Key) {
        self.send(Msg::Key(key));
    }

    /// Presses keys: each character is a key, `<enter>` one by name.
    pub fn keys(&mut self, keys: &str) {
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let name = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
            if let Some((name, after)) = name {
                self.key(name.parse().unwrap());
                rest = after;
            } else {
                self.key(Key::char(c));
                rest = &rest[c.len_utf8()..];
            }
        }
    }

    pub fn row(&self, name: &str) -> Row {
        self.model
            .data
            .inventory
            .as_ref()
            .unwrap()
            .find(&path(name))
            .unwrap()
    }

    /// The names of the marked paths, sorted.
    pub fn marked(&self) -> Vec<String> {
        let inventory = self.model.data.inventory.as_ref().unwrap();
        let mut names: Vec<String> = self
            .model
            .marks
            .rows()
            .map(|row| inventory.name(row).to_owned())
            .collect();
        names.sort();
        names
    }

    /// The name under the cursor.
    pub fn current(&self) -> String {
        let inventory = self.model.data.inventory.as_ref().unwrap();
        self.model
            .current_row()
            .map_or_else(String::new, |row| inventory.name(row).to_owned())
    }

    /// The names in the store's list.
    pub fn listed(&self) -> Vec<String> {
        let inventory = self.model.data.inventory.as_ref().unwrap();
        self.model
            .store
            .rows
            .iter()
            .map(|row| inventory.name(*row).to_owned())
            .collect()
    }
}

/// A plan as `change` would make it, for what is asked.
pub fn plan(inventory: &Inventory, what: &What, closure: bool, key: KeySource) -> Plan {
    let mut rows: Vec<Row> = match what {
        What::All => (0..inventory.len() as Row)
            .filter(|row| {
                inventory
                    .trust(*row)
                    .is_some_and(storekeeper::domain::TrustClass::refused)
            })
            .collect(),
        What::Rows(rows) => rows.to_vec(),
    };
    if closure {
        rows = rows
            .iter()
            .flat_map(|row| inventory.closure(*row))
            .collect();
        rows.sort_unstable();
        rows.dedup();
    }
    let refused = |row: &Row| {
        inventory
            .trust(*row)
            .is_some_and(storekeeper::domain::TrustClass::refused)
    };
    let items: Vec<Item> = rows
        .into_iter()
        .filter(refused)
        .map(|row| Item::Path {
            path: inventory.path(row),
            nar_size: inventory.nar_size(row).unwrap(),
        })
        .collect();
    let bytes: u64 = items.iter().map(Item::nar_size).sum();
    let count = items.len();
    Plan {
        change: "sign",
        server: "prod".to_owned(),
        summary: format!("sign {count} paths ({}) with {OURS}", Bytes(bytes)),
        commands: vec!["nix store sign -k /root/nix-cache-key.sec …".to_owned()],
        warnings: vec![],
        concerns: Vec::new(),
        amounts: None,
        lines: vec![
            ("on", "prod (root@cache.example.org)".to_owned()),
            (
                "with",
                format!("{OURS}, the server's key /root/nix-cache-key.sec"),
            ),
            (
                "what",
                format!("{count} paths, {}, uploaded 2d to 3m ago", Bytes(bytes)),
            ),
            (
                "not",
                "4 upstream paths (signed by cache.nixos.org-1)".to_owned(),
            ),
            (
                "effect",
                "every client that trusts this key will accept these paths".to_owned(),
            ),
            (
                "same as",
                "nix store sign -k /root/nix-cache-key.sec … (1 call)".to_owned(),
            ),
        ],
        danger: Danger::Adds,
        operation: Operation::Sign {
            paths: items
                .iter()
                .filter_map(|item| item.path().cloned())
                .collect(),
            with: key,
            key: Box::new(public(&self::key(OURS, 1))),
        },
        reason: None,
        items,
    }
}

pub fn past() -> PastChange {
    PastChange {
        id: "7f3a12c9".to_owned(),
        at: When::from_unix(NOW - 7_200),
        by: "root via ada@laptop".to_owned(),
        what: format!("sign 18 paths (1.2 GiB) with {OURS}"),
        result: "done".to_owned(),
        lines: vec!["change    sign".to_owned(), "result    done".to_owned()],
    }
}

pub fn receipt(result: Outcome, done: usize) -> Receipt {
    Receipt {
        id: "0badcafe".to_owned(),
        by: "root via ada@laptop".to_owned(),
        at: now(),
        result,
        done,
        failed: vec![],
        seconds: 1.5,
        freed: None,
        not_done: 0,
        gone: None,
        conflict: None,
    }
}

/// Any key that means something somewhere, and some that do not.
pub fn any_key() -> impl Strategy<Value = Key> {
    const NAMES: [&str; 18] = [
        "enter",
        "esc",
        "tab",
        "shift-tab",
        "backspace",
        "delete",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "pgup",
        "pgdn",
        "ctrl-l",
        "ctrl-u",
        "ctrl-z",
        "f1",
    ];
    prop_oneof![
        3 => "[ -~]".prop_map(|text| Key::char(text.chars().next().unwrap())),
        2 => (0..NAMES.len()).prop_map(|at| NAMES[at].parse().unwrap()),
        1 => "[sjkvwRlcuryA36]".prop_map(|text| Key::char(text.chars().next().unwrap())),
        1 => Just("enter".parse().unwrap()),
    ]
}
