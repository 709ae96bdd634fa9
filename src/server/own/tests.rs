//! What is read of a connection, and what is kept of those that ended.
//!
//! In: answers of a server, and lines of a file. Out: connections, or none.

use super::*;

fn connection(text: &str, clock: &str) -> Option<Connection> {
    let text = format!("storekeeper-answer\nconnection={text}\nclock={clock}\nend=\n");
    Connection::read(&Answers::parse(text.as_bytes())?, End::default())
}

#[test]
fn a_connection_is_read_or_it_is_nobodys() {
    let own = connection("2001:db8::7 50123 2001:db8::1 22", "1790000000").unwrap();
    let own = own.own();
    assert_eq!((own.address.as_str(), own.port), ("2001:db8::7", 50_123));
    assert_eq!(own.since, When::from_unix(1_790_000_000 - BEFORE));
    assert_eq!(own.until, None);
    for (text, clock) in [
        ("", "1790000000"),
        ("10.0.0.1", "1790000000"),
        ("10.0.0.1 x 10.0.0.2 22", "1790000000"),
        ("10.0.0.1 66000 10.0.0.2 22", "1790000000"),
        ("10.0.0.1 50123 10.0.0.2 22", ""),
    ] {
        assert!(connection(text, clock).is_none(), "{text}");
    }
}

fn line(number: usize) -> Kept {
    Kept {
        place: "root@a:22".into(),
        address: "10.0.0.1".into(),
        port: 1,
        since: number as i64,
        until: number as i64 + 9,
    }
}

#[test]
fn the_newest_are_kept_and_what_is_no_line_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("below").join("connections.jsonl");
    keep(&file, &[line(0)]).unwrap();
    fs::OpenOptions::new()
        .append(true)
        .open(&file)
        .unwrap()
        .write_all(b"\xff{\n{\"place\":1}\n")
        .unwrap();
    keep(&file, &[line(1)]).unwrap();
    let read = |file: &Path| -> Vec<i64> { kept(file).iter().map(|kept| kept.since).collect() };
    assert_eq!(read(&file), [0, 1]);
    let many: Vec<Kept> = (2..20_000).map(line).collect();
    keep(&file, &many).unwrap();
    assert!(fs::metadata(&file).unwrap().len() < MOST_BYTES as u64);
    assert!(read(&file).len() > 4000);
    assert_eq!(read(&file).last(), Some(&19_999));
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}
