//! The pictures of the README: every screen, from the demo's store, as SVG and as text.
//!
//! In: a demo server of a fixed seed and a fixed date, keys. Out: `screenshots/*.svg` and `*.txt`, and of some of them a recording, `tour.svg`. They are made anew by
//! `STOREKEEPER_SCREENSHOTS=write cargo test --test local screenshots`; without it, the test fails where they no longer match.
//! The demo's port and folder differ from run to run, so in the pictures they are given fixed names.

mod svg;

use crate::fixture::{Console, facts as example, model, now, past};
use crate::help::read;
use ratatui::buffer::Buffer;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storekeeper::change::sign::{self, Selection};
use storekeeper::change::{KeySource, Outcome, Plan, Receipt, samples};
use storekeeper::config::{Config, Overrides};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::types::access::AccessSnapshot;
use storekeeper::console::types::change::{ChangeKind, What};
use storekeeper::console::types::space::SpaceSnapshot;
use storekeeper::demo::{self, Demo};
use storekeeper::domain::access::AccessFacts;
use storekeeper::domain::space::SpaceFacts;
use storekeeper::inventory::Inventory;
use storekeeper::link::NoPrompter;
use storekeeper::server::{Facts, Server};

const SIZE: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (120, 40);

/// What stands in the pictures for what differs from run to run.
struct Fixed {
    port: String,
    folder: String,
}

impl Fixed {
    fn text(&self, text: &str) -> String {
        text.replace(&self.folder, "/root")
            .replace("/root/state/", "/root/")
            .replace(&self.port, "cache.example.org")
            .replace("demo (", "prod (")
    }

    fn facts(&self, facts: &Facts) -> Facts {
        let mut fixed = Facts {
            at: now(),
            clock_skew: 0,
            host: example().host,
            ..facts.clone()
        };
        for key in &mut fixed.signing_keys {
            key.file = self.text(&key.file);
        }
        fixed
    }

    /// Who may log in, as the screen shows it once it is read.
    fn access(&self, facts: AccessFacts) -> Arc<AccessSnapshot> {
        let mut fixed = AccessFacts {
            at: now(),
            host: example().host,
            ..facts
        };
        for file in fixed.files.iter_mut().chain(&mut fixed.other_files) {
            file.path = self.text(&file.path);
            file.resolved = self.text(&file.resolved);
        }
        Arc::new(AccessSnapshot::new(fixed))
    }

    fn plan(&self, mut plan: Plan) -> Plan {
        for (_, line) in &mut plan.lines {
            *line = self.text(line);
        }
        for command in &mut plan.commands {
            *command = self.text(command);
        }
        plan
    }
}

async fn connect(demo: &Demo) -> Server {
    let config = Config::parse(&demo.config_text(), Path::new("demo.toml")).unwrap();
    let overrides = Overrides {
        known_hosts: Some(demo.known_hosts_file()),
        ssh_config: Some(PathBuf::from("none")),
        ..Overrides::default()
    };
    let target = config.target(demo::NAME, &overrides).unwrap();
    Server::connect(target.spec().await.unwrap(), Arc::new(NoPrompter))
        .await
        .unwrap()
}

/// What fills the demo's disk, all of it.
async fn look(server: &Server, demo: &Demo, fixed: &Fixed) -> SpaceSnapshot {
    let mut roots = server.roots().await.unwrap().roots;
    for root in &mut roots {
        root.link = fixed.text(&root.link);
    }
    let facts = SpaceFacts {
        at: now(),
        ..server.space().await.unwrap()
    };
    SpaceSnapshot {
        look: 0,
        samples: samples::look(Some(&demo.kept_here()), demo::NAME, &facts).into(),
        facts,
        roots: Ok(roots),
        notes: vec![],
        pins: server.pins().await.unwrap(),
        policy: Ok(None),
        last_use: Some(Arc::new(Ok(server.last_use().await.unwrap()))),
        links: Some(server.links().await.unwrap()),
        unfinished: Ok(vec![]),
        two: Ok(crate::fixture::space::two_persons(vec![])),
        login: crate::fixture::space::login("bob", 2),
        skew: 0,
    }
}

/// What was found out of the demo.
struct Found {
    facts: Facts,
    access: Arc<AccessSnapshot>,
    inventory: Inventory,
    space: SpaceSnapshot,
}

/// A console on the demo, at a size.
fn open(size: (u16, u16), found: &Found) -> Console {
    let Found {
        facts,
        access,
        inventory,
        space,
    } = found;
    let mut console = Console::new(model(size, "dark", false));
    console.space = Some(space.clone());
    console.send(Msg::Up(Arc::new(facts.clone())));
    console.send(Msg::RoundTrip(Duration::from_millis(12)));
    console.send(Msg::Activity(screens::activity::Msg::Audit(Ok(vec![
        past(),
    ]))));
    console.load(inventory.clone());
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(Arc::clone(
        access,
    )))));
    console
}

/// The plan as the sign dialog of this console asks for it, made by the real planner.
async fn planned(
    console: &mut Console,
    server: &Server,
    inventory: &Inventory,
    fixed: &Fixed,
) -> Plan {
    let Some(Layer::Plan(dialog)) = console.model.layers.last() else {
        panic!("no dialog is open");
    };
    let request_id = dialog.request_id;
    let selection = match &dialog.change {
        ChangeKind::Sign(What::All) => Selection::all(),
        ChangeKind::Sign(What::Rows(rows)) => Selection::rows(rows.to_vec()),
        other => panic!("{other:?}"),
    };
    let key = &server.facts().signing_keys[0];
    let with = KeySource::Server {
        file: key.file.clone(),
        name: key.name.clone().unwrap(),
    };
    let plan = sign::plan(server, inventory, &selection, with, None, now())
        .await
        .unwrap();
    let plan = fixed.plan(plan);
    console.send(Msg::Planned {
        request_id,
        plan: Ok(Box::new(plan.clone())),
    });
    plan
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let lines = buffer.content.chunks(width).map(|row| {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

/// The screens of the recording, in the order of what one does about a refused path, a request and a full disk.
const TOUR: [&str; 7] = [
    "overview", "unsigned", "sign", "receipt", "access", "request", "space",
];

const TERMINAL: svg::Terminal = svg::Terminal {
    foreground: "#d0d0d0",
    background: "#16181d",
};

/// The pictures that were made, and the files that are not what they should be.
#[derive(Default)]
struct Pictures {
    frames: Vec<(&'static str, Buffer)>,
    stale: Vec<String>,
}

impl Pictures {
    fn take(&mut self, name: &'static str, console: &Console) {
        let frame = draw(&console.model);
        self.keep(format!("{name}.svg"), &svg::draw(&frame, &TERMINAL));
        self.keep(format!("{name}.txt"), &text(&frame));
        self.frames.push((name, frame));
    }

    fn tour(&mut self) {
        let frames = TOUR.map(|name| {
            let mut all = self.frames.iter();
            &all.find(|(taken, _)| *taken == name).unwrap().1
        });
        let played = svg::play(&frames, &TERMINAL);
        self.keep("tour.svg".to_owned(), &played);
    }

    /// Compares with what is kept, or keeps it.
    fn keep(&mut self, file: String, content: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("screenshots")
            .join(&file);
        if std::env::var("STOREKEEPER_SCREENSHOTS").is_ok_and(|value| value == "write") {
            std::fs::write(&path, content).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != content {
            self.stale.push(file);
        }
    }
}

#[tokio::test]
async fn the_screenshots_show_what_the_program_shows() {
    let mut options = demo::Options::new(PathBuf::from(env!("CARGO_BIN_EXE_storekeeper")));
    options.epoch = now();
    let demo = Demo::start(options).await.unwrap();
    let server = connect(&demo).await;
    let fixed = Fixed {
        port: format!("127.0.0.1:{}", demo.address().port()),
        folder: demo.folder().display().to_string(),
    };
    let inventory = read(&server).await;
    let facts = fixed.facts(&server.facts());
    let found = Found {
        access: fixed.access(server.access().await.unwrap()),
        space: look(&server, &demo, &fixed).await,
        inventory: inventory.clone(),
        facts,
    };
    let mut pictures = Pictures::default();

    let screens = [
        ("overview", SIZE, ""),
        ("store", SIZE, "2/ledg 4<enter>jjjj<space>j"),
        ("store-wide", WIDE, "2"),
        ("detail", SIZE, "2/ledger-4.2<enter><enter>"),
        ("unsigned", SIZE, "3j<enter>"),
        ("activity", SIZE, "6"),
        ("access", SIZE, "4"),
        ("request", SIZE, "4<enter>"),
        ("space", SIZE, "5"),
        ("space-roots", SIZE, "5<right>"),
        ("space-growth", SIZE, "5<left>"),
        ("palette", SIZE, "2:sor"),
        ("help", SIZE, "3?"),
    ];
    for (name, size, keys) in screens {
        let mut console = open(size, &found);
        console.keys(keys);
        let shown = text(&draw(&console.model));
        // A picture of a screen that still waits for something says nothing.
        assert!(!shown.contains("Looking who may log in"), "{name}: {shown}");
        assert!(!shown.contains("Asking the server"), "{name}: {shown}");
        assert!(!shown.contains("Making the plan"), "{name}: {shown}");
        pictures.take(name, &console);
    }

    let mut console = open(SIZE, &found);
    console.keys("3A");
    let plan = planned(&mut console, &server, &inventory, &fixed).await;
    pictures.take("sign", &console);
    console.keys("<enter>");
    let (job, _) = console.runs[0].clone();
    console.send(Msg::Activity(screens::activity::Msg::Progress {
        job,
        done: plan.items.len() / 2,
        total: plan.items.len(),
        note: "storefront-2.0".to_owned(),
    }));
    console.keys("6");
    pictures.take("job", &console);
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: Receipt {
            id: "c41e0b92".to_owned(),
            by: "root via ada@laptop".to_owned(),
            at: now(),
            result: Outcome::Done,
            done: plan.items.len(),
            failed: vec![],
            seconds: 0.4,
            freed: None,
            not_done: 0,
            gone: None,
            conflict: None,
            waits: None,
            planned_by: None,
        },
    }));
    pictures.take("receipt", &console);

    pictures.tour();

    demo.stop().await;
    let stale = pictures.stale;
    assert!(
        stale.is_empty(),
        "these pictures are not what the program shows: {stale:?}; look at the difference after `STOREKEEPER_SCREENSHOTS=write cargo test --test local screenshots`"
    );
}
