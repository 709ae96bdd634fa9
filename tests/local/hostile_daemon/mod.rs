//! A daemon that wants to exhaust us: every field of every reply huge, endless, deep or cyclic. The program ends with a
//! sentence, and has never had more than 1 GiB.

mod child;
pub(crate) mod daemon;

use child::Ended;
use daemon::{Attack, Say, Store, after_last, bytes, listen, many, path};
use std::process::Command;
use std::sync::Arc;
use storekeeper::domain::{PathInfo, StorePath};
use storekeeper::wire::{
    Activity, Encoder, Field, Message, RemoteError, Request, encode_path_info,
};

use crate::help::terminal::Terminal;

const GIB: u64 = 1 << 30;

/// So many paths of usual names are as much as may be listed.
const LISTED: usize = 1_900_000;

fn text(length: usize) -> String {
    "x".repeat(length)
}

/// A store path with the longest name.
fn long(number: usize) -> StorePath {
    let mut digest = [5; 20];
    digest[..8].copy_from_slice(&(number as u64).to_le_bytes());
    StorePath::from_parts(&digest, &text(211)).unwrap()
}

/// Runs the program against a daemon that says this to the requests that it is asked about.
fn meet(
    store: Store,
    arguments: &[&str],
    answer: impl Fn(&Request) -> Option<Say> + Send + Sync + 'static,
) -> Ended {
    run(
        arguments,
        Attack {
            store: Arc::new(store),
            greeting: None,
            answer: Arc::new(move |request| answer(request).unwrap_or(Say::Proper)),
        },
    )
}

fn run(arguments: &[&str], attack: Attack) -> Ended {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = runtime.block_on(listen(folder.path(), attack));
    let ended = child::run(folder.path(), &config, arguments);
    println!(
        "{arguments:?}: {:?} with {} MiB after {:.1} s: {}",
        ended.code,
        ended.peak >> 20,
        ended.took.as_secs_f64(),
        ended.errors.chars().take(400).collect::<String>()
    );
    runtime.shutdown_background();
    assert!(ended.peak < GIB, "{} MiB", ended.peak >> 20);
    assert!(!ended.errors.contains("panicked"), "{}", ended.errors);
    ended
}

/// It ended with one sentence that says this.
fn refused(ended: &Ended, words: &str) {
    assert_eq!(ended.code, Some(1), "{}", ended.errors);
    let sentence = ended.errors.trim_end();
    assert!(sentence.starts_with("storekeeper: "), "{sentence}");
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    assert!(sentence.contains(words), "{sentence}\n wanted {words}");
    assert!(sentence.len() < 20_000, "{}", sentence.len());
}

/// A request of a kind is answered with this.
macro_rules! on {
    ($request:pat => $say:expr) => {
        move |request: &Request| match request {
            $request => Some($say),
            _ => None,
        }
    };
}

/// The greeting of a daemon, up to the number of its features.
fn greeting() -> Encoder {
    let mut out = Encoder::new();
    out.integer(0x6478_696f).integer(0x126);
    out
}

fn greet(say: impl Fn() -> Say + Send + Sync + 'static) -> Ended {
    run(
        &["paths", "hostile"],
        Attack {
            store: Arc::new(Store::default()),
            greeting: Some(Arc::new(say)),
            answer: Arc::new(|_| Say::Proper),
        },
    )
}

#[test]
fn greetings() {
    let huge = |after: fn(&mut Encoder)| {
        move || {
            let mut out = greeting();
            after(&mut out);
            Say::Once(out.bytes().to_vec())
        }
    };
    let ended = greet(huge(|out| {
        out.integer(u64::MAX);
    }));
    refused(&ended, "a feature of 18446744073709551615 is more than");
    let ended = greet(huge(|out| {
        out.integer(0).integer(1 << 40);
    }));
    refused(&ended, "a version text of");
    let ended = greet(|| {
        let mut out = greeting();
        out.integer(4096);
        Say::Forever(
            out.bytes().to_vec(),
            many(&bytes(|out| {
                out.text(text(4096));
            })),
        )
    });
    refused(
        &ended,
        "the greeting from the Nix daemon on local needs more than",
    );
    let log = bytes(|out| Message::Log(text(200)).encode(out));
    let ended = greet(move || {
        let mut out = greeting();
        out.integer(0).text("2.34").integer(1);
        Say::Forever(out.bytes().to_vec(), many(&log))
    });
    refused(&ended, "the greeting from");
    let ended = greet(|| Say::Forever(Vec::new(), many(b"Welcome!\n")));
    refused(&ended, "not a Nix daemon");
}

fn list(say: impl Fn() -> Say + Send + Sync + 'static) -> Ended {
    meet(Store::default(), &["paths", "hostile"], move |request| {
        matches!(request, Request::QueryAllValidPaths).then(&say)
    })
}

#[test]
fn listings() {
    let ended = list(|| {
        Say::Once(after_last(|out| {
            out.integer(u64::MAX);
        }))
    });
    refused(&ended, "a number of paths of");
    let ended = list(|| {
        Say::Once(after_last(|out| {
            out.integer(1).integer(1 << 50);
        }))
    });
    refused(&ended, "a path of");
    let ended = list(|| {
        Say::Forever(
            after_last(|out| {
                out.integer(19_000_000);
            }),
            many(&bytes(|out| {
                out.path(&long(1));
            })),
        )
    });
    refused(
        &ended,
        "the list of store paths from the Nix daemon on local needs more than 192 MiB",
    );
}

#[test]
fn messages() {
    let endless = |message: Message| {
        list(move || Say::Forever(Vec::new(), many(&bytes(|out| message.encode(out)))))
    };
    let activity = |text: String, fields: Vec<Field>| {
        Message::Start(Activity {
            id: 1,
            level: 3,
            kind: 100,
            text,
            fields,
            parent: 0,
        })
    };
    refused(
        &endless(Message::Log(text(1 << 20))),
        "the log of one request",
    );
    refused(
        &endless(Message::Log("\u{1}".repeat(1 << 20))),
        "the log of one request",
    );
    refused(
        &endless(activity(text(100), vec![Field::Integer(1); 1000])),
        "the log of one request",
    );
    let wide = |message: Message| list(move || Say::Once(bytes(|out| message.encode(out))));
    let fields = vec![Field::Text(text(1 << 18)); 100];
    refused(&wide(activity(String::new(), fields)), "a message from");
    let traces = RemoteError {
        traces: vec![text(1 << 18); 100],
        ..RemoteError::new("no")
    };
    refused(&wide(Message::Error(traces)), "a message from");
    let long = RemoteError {
        traces: vec![text(100); 4000],
        ..RemoteError::new("no".repeat(100_000))
    };
    refused(
        &wide(Message::Error(long)),
        "refuses to list its store: nono",
    );
}

/// Each path is answered with these bytes.
fn infos(count: usize, say: impl Fn(&StorePath) -> Say + Send + Sync + 'static) -> Ended {
    let store = Store::new(count, |_| Vec::new());
    meet(store, &["paths", "hostile"], move |request| match request {
        Request::QueryPathInfo(path) => Some(say(path)),
        _ => None,
    })
}

fn info(path: &StorePath) -> PathInfo {
    let mut infos = Store::new(1, |_| Vec::new()).infos;
    PathInfo {
        path: path.clone(),
        ..infos.remove(0)
    }
}

/// The beginning of an info: that there is one, up to the deriver, the hash, the number of references, or all before the
/// number of signatures.
fn begun(fields: usize) -> Encoder {
    let mut out = Encoder::new();
    Message::Last.encode(&mut out);
    out.integer(1);
    if fields > 0 {
        out.text("");
    }
    if fields > 1 {
        out.text("07".repeat(32));
    }
    if fields > 2 {
        out.integer(0).integer(1).integer(1).integer(0);
    }
    if fields > 3 {
        out.integer(0);
    }
    out
}

#[test]
fn each_field_of_an_info_huge() {
    for (fields, words) in [
        (0, "a path of"),
        (1, "a hash of"),
        (2, "a number of references of"),
        (3, "a signature of"),
        (4, "a content address of"),
    ] {
        let ended = infos(3, move |_| {
            let mut out = begun(fields);
            out.integer(1 << 60);
            Say::Once(out.bytes().to_vec())
        });
        refused(&ended, words);
    }
}

#[test]
fn each_list_of_an_info_endless() {
    let ended = infos(3, |_| {
        let mut out = begun(2);
        out.integer(19_000_000);
        Say::Forever(
            out.bytes().to_vec(),
            many(&bytes(|out| {
                out.path(&path(1));
            })),
        )
    });
    refused(
        &ended,
        "the answer about one path from the Nix daemon on local needs more than 8.0 MiB",
    );
    let ended = infos(3, |_| {
        let mut out = begun(3);
        out.integer(19_000_000);
        Say::Once(out.bytes().to_vec())
    });
    refused(&ended, "a signature of 19000000 is more than");
}

/// The inventory is full before all is read.
fn full(info: impl Fn(&StorePath) -> PathInfo + Send + Sync + 'static) {
    let ended = infos(20_000, move |path| {
        Say::Once(after_last(|out| {
            encode_path_info(&info(path), out);
        }))
    });
    refused(
        &ended,
        "the information on all paths from the Nix daemon on local needs more than",
    );
}

#[test]
fn infos_that_are_large_each() {
    full(|path| PathInfo {
        content_address: Some(text(16 << 10)),
        ..info(path)
    });
}

#[test]
fn infos_with_key_names_of_their_own() {
    full(|path| PathInfo {
        signatures: (0..200)
            .map(|at| format!("{}{}{at}:AAAA", text(15_000), path.hash_part()))
            .collect(),
        ..info(path)
    });
}

#[test]
fn infos_that_refer_to_what_is_nowhere() {
    full(|path| {
        let first = path.digest()[..8]
            .try_into()
            .map(u64::from_le_bytes)
            .unwrap() as usize;
        PathInfo {
            references: (0..20_000).map(|at| long(first * 20_000 + at)).collect(),
            ..info(path)
        }
    });
}

/// As many paths as may be listed, and then as much of each as is accepted.
fn longest_listing() -> impl Fn(&Request) -> Option<Say> + Send + Sync + 'static {
    let listed = after_last(|out| {
        let paths: Vec<StorePath> = (0..LISTED).map(path).collect();
        out.paths(paths.iter());
    });
    move |request| match request {
        Request::QueryAllValidPaths => Some(Say::Once(listed.clone())),
        Request::QueryPathInfo(path) => Some(Say::Once(after_last(|out| {
            let info = PathInfo {
                content_address: Some(text(16 << 10)),
                ..info(path)
            };
            encode_path_info(&info, out);
        }))),
        _ => None,
    }
}

#[test]
fn a_listing_as_long_as_it_may_be() {
    let ended = meet(Store::default(), &["paths", "hostile"], longest_listing());
    refused(
        &ended,
        "the information on all paths from the Nix daemon on local needs more than 448 MiB",
    );
}

#[test]
fn errors_without_end() {
    let ended = infos(20_000, |_| {
        Say::Once(bytes(|out| {
            Message::Error(RemoteError::new("\u{1}".repeat(1 << 20))).encode(out);
        }))
    });
    refused(&ended, "the log of one request");
    // Many errors of usual length are what a broken store has.
    let ended = infos(20_000, |path| {
        let why = format!("error: path '{path}' is damaged: {}", text(2000));
        Say::Once(bytes(|out| {
            Message::Error(RemoteError::new(why)).encode(out);
        }))
    });
    assert_eq!(ended.code, Some(1), "{}", ended.errors);
    assert!(!ended.errors.contains("memory"), "{}", ended.errors);
}

#[test]
fn a_daemon_that_ends_after_each_answer() {
    let ended = infos(20_000, |_| Say::Last);
    refused(&ended, "broke off");
}

fn roots(say: impl Fn() -> Say + Send + Sync + 'static) -> Ended {
    let store = Store::new(3, |_| Vec::new());
    meet(store, &["roots", "hostile", "list"], move |request| {
        matches!(request, Request::FindRoots).then(&say)
    })
}

#[test]
fn lists_of_roots() {
    let three_million = |link: String, target: String| {
        move || {
            let first = after_last(|out| {
                out.integer(3_000_000);
            });
            let then = many(&bytes(|out| {
                out.text(&link).text(&target);
            }));
            Say::Forever(first, then)
        }
    };
    let words = "the list of GC roots from the Nix daemon on local needs more than 64.0 MiB";
    refused(
        &roots(three_million(text(4096), path(1).to_string())),
        words,
    );
    refused(&roots(three_million(text(1), String::new())), words);
    refused(&roots(three_million(text(1), "\u{1}".repeat(300))), words);
    let ended = roots(|| {
        Say::Once(after_last(|out| {
            out.integer(1 << 40);
        }))
    });
    refused(&ended, "a number of roots of");
    // As much as is accepted, of what becomes six times as much when it is shown.
    let ended = roots(|| {
        Say::Once(after_last(|out| {
            out.integer(15_000);
            for _ in 0..15_000 {
                out.text("\u{1}".repeat(4096)).path(&path(1));
            }
        }))
    });
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
}

/// A path that refers to another one, and so on, without end.
fn bottomless(path: &StorePath, each: usize) -> Say {
    let number: usize = path.name().trim_start_matches("p-").parse().unwrap();
    Say::Once(after_last(|out| {
        let info = PathInfo {
            references: (1..=each)
                .map(|at| self::path(number * each + at))
                .collect(),
            ..info(path)
        };
        encode_path_info(&info, out);
    }))
}

#[test]
fn closures_without_end() {
    let why = |each: usize| {
        let store = Store::new(3, |_| Vec::new());
        let path = path(1);
        meet(
            store,
            &["why", "hostile", &path.to_string()],
            move |request| match request {
                Request::QueryPathInfo(path) => Some(bottomless(path, each)),
                _ => None,
            },
        )
    };
    refused(&why(1), "go deeper than 10000 paths");
    refused(
        &why(100),
        "the information on these paths and all that they need",
    );
}

/// The references of a path, by number.
type References = fn(usize) -> Vec<usize>;

#[test]
fn chains_and_circles() {
    let count = 100_000;
    let lines: [(&str, References); 3] = [
        ("chain", |at| {
            (at + 1 < 100_000).then_some(at + 1).into_iter().collect()
        }),
        ("circle", |at| vec![(at + 1) % 100_000]),
        ("circles", |at| {
            vec![(at + 1) % 100_000, (at * 7 + 3) % 100_000, at]
        }),
    ];
    for (name, references) in lines {
        for arguments in [
            &["paths", "hostile", "--sort", "closure"][..],
            &["roots", "hostile", "list"],
            &["gc", "hostile", "--whole", "--dry-run"],
        ] {
            println!("{name}");
            let store = Store::new(count, references).all_roots();
            let ended = meet(
                store,
                arguments,
                on!(Request::AddTempRoot(_) => Say::Proper),
            );
            assert!(matches!(ended.code, Some(0 | 1)), "{}", ended.errors);
        }
    }
}

/// What the console shows of such a daemon; it goes on answering keys, and leaves when it is told to.
fn meet_on_screen(
    keys: &str,
    words: &str,
    answer: impl Fn(&Request) -> Option<Say> + Send + Sync + 'static,
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let attack = Attack {
        store: Arc::new(Store::new(3, |_| Vec::new())),
        greeting: None,
        answer: Arc::new(move |request| answer(request).unwrap_or(Say::Proper)),
    };
    let config = runtime.block_on(listen(folder.path(), attack));
    let mut command = Command::new(env!("CARGO_BIN_EXE_storekeeper"));
    command
        .args(["--config", config.to_str().unwrap(), "hostile"])
        .env("HOME", folder.path())
        .env("TERM", "xterm-256color")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME");
    let mut terminal = Terminal::start(&command, 120, 40);
    terminal.wait_for("Overview");
    terminal.keys(keys);
    terminal.wait_for(words);
    terminal.keys("?");
    terminal.wait_for("Keys:");
    let peak = child::memory(terminal.pid()).unwrap();
    terminal.keys("\u{1b}");
    terminal.wait("the help is closed", |screen| !screen.contains("Keys:"));
    terminal.keys("q");
    assert_eq!(terminal.exit(), 0);
    runtime.shutdown_background();
    println!("{words}: {} MiB", peak >> 20);
    assert!(peak < GIB, "{} MiB", peak >> 20);
}

#[test]
fn the_console_stays() {
    let endless = bytes(|out| {
        out.path(&long(1));
    });
    meet_on_screen(
        "",
        "the list of store paths",
        on!(Request::QueryAllValidPaths => Say::Forever(
            after_last(|out| {
                out.integer(19_000_000);
            }),
            many(&endless),
        )),
    );
    let endless = bytes(|out| {
        out.text(text(4096)).path(&path(1));
    });
    meet_on_screen(
        "5",
        "the list of GC roots",
        on!(Request::FindRoots => Say::Forever(
            after_last(|out| {
                out.integer(3_000_000);
            }),
            many(&endless),
        )),
    );
    meet_on_screen("", "the information on all paths", longest_listing());
}
