//! What a server sends instead of its database: a stream that ends anywhere, and a file that is damaged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use storekeeper::database::{Database, Folder, Said, receive};

static FOLDER: LazyLock<Folder> = LazyLock::new(|| Folder::new(&std::env::temp_dir()).expect("a folder for copies"));

fn read(file: &Path) {
    let Ok(database) = Database::open(file, Arc::default()) else {
        return;
    };
    if let Ok(listing) = database.listing() {
        let mut rows = 0;
        let _ = database.rows(&listing, |_| {
            rows += 1;
            ControlFlow::Continue(())
        });
        assert!(rows <= listing.paths().len());
    }
}

fuzz_target!(|data: &[u8]| {
    let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let _ = Said::parse(&String::from_utf8_lossy(line));
    if receive(&mut Cursor::new(data), |_| Ok(()), &FOLDER).is_ok() {
        read(&FOLDER.database());
    }
    if data.starts_with(b"SQLite format 3") {
        std::fs::write(FOLDER.database(), data).expect("room for a copy");
        read(&FOLDER.database());
    }
});
