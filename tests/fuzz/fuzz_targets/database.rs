//! What a server sends instead of its database: a stream that ends anywhere, and a file that is damaged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::sync::Mutex;
use storekeeper::database::{Database, Folder, Held, Said, Seen, receive};

static HELD: LazyLock<Mutex<Held>> =
    LazyLock::new(|| Mutex::new(Held::new(Folder::new(&std::env::temp_dir()).expect("a folder for copies"))));

fn read(file: &Path) {
    let Ok(database) = Database::open(file, Arc::default()) else {
        return;
    };
    let Some(Said::Facts(facts)) = Said::parse("storekeeper-database schema=10") else {
        return;
    };
    let seen = |before| Seen::begin(facts.clone(), before).expect("random numbers");
    if let Ok(listing) = database.listing() {
        let mut rows = 0;
        let read = database.rows(&listing, seen(None), None, |_| {
            rows += 1;
            ControlFlow::Continue(())
        });
        assert!(rows <= listing.paths().len());
        if let Ok(read) = read {
            let again = database.changes(listing.ids(), seen(Some(&read)), &read, |_| ControlFlow::Continue(()));
            assert_eq!(again, Ok(read));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let _ = Said::parse(&String::from_utf8_lossy(line));
    let mut held = HELD.lock().expect("no thread has failed with it");
    if receive(&mut Cursor::new(data), |_| Ok(()), &mut held, None).is_ok() {
        read(&held.database());
    }
    if data.starts_with(b"SQLite format 3") {
        std::fs::write(held.database(), data).expect("room for a copy");
        read(&held.database());
    }
});
