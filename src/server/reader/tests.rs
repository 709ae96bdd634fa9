//! Which rows the daemon is asked about, and which daemons are asked at once.

use super::*;

#[test]
fn witnesses_are_the_newest_and_some_from_all_over() {
    let of = |rows: i64| witnesses(&(0..rows).collect::<Vec<_>>());
    assert_eq!(of(0), [0; 0]);
    assert_eq!(of(1), [0]);
    assert_eq!(of(20), (0..20).collect::<Vec<_>>());
    let many = of(1_000_000);
    assert_eq!(many.len(), 2 * WITNESSES);
    assert!(many.ends_with(&[999_998, 999_999]) && many[0] == 0);
    assert!(many.is_sorted());
}

#[test]
fn only_a_plain_daemon_has_the_usual_store() {
    let other = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        other_store(&words).is_some()
    };
    assert!(!other("nix-daemon --stdio"));
    assert!(!other("/opt/nix/bin/nix-daemon --stdio"));
    for line in [
        "nix-daemon",
        "nix daemon --stdio",
        "nix-daemon --stdio --store /mnt",
        "my-nix-daemon --stdio",
        "ssh elsewhere nix-daemon --stdio",
    ] {
        assert!(other(line), "{line}");
    }
}
