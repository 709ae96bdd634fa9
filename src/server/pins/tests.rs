//! Where pins are, and how the list of them is read.

use super::*;
use crate::domain::path_info::tests::vector;
use proptest::prelude::*;

#[test]
fn where_pins_are() {
    let usual = "/nix/var/nix/gcroots/storekeeper";
    assert_eq!(resolve(usual, None), usual);
    assert_eq!(resolve(usual, Some("/nix/var/nix")), usual);
    let chroot = "/srv/cache/nix/var/nix";
    let there = "/srv/cache/nix/var/nix/gcroots/storekeeper";
    assert_eq!(resolve(usual, Some(chroot)), there);
    assert_eq!(resolve(there, Some(chroot)), there);
    assert_eq!(resolve("/nix/var/nixx/y/", Some(chroot)), "/nix/var/nixx/y");
    // A chroot store whose root is `/` in all but name.
    assert_eq!(
        resolve(usual, Some("/nix/var/nix/z")),
        "/nix/var/nix/z/gcroots/storekeeper"
    );
    assert!(is_below_roots(there, Some(chroot)).is_ok());
    for (folder, state) in [
        (usual, Some(chroot)),
        ("/nix/var/nix/gcroots", None),
        ("/nix/var/nix/gcroots/../pins", None),
        ("/var/lib/pins", None),
    ] {
        assert!(is_below_roots(folder, state).is_err(), "{folder}");
    }
}

fn list<'a>(lines: &[(&'a str, &'a str)]) -> Vec<Pin> {
    pins(lines.iter().copied())
}

#[test]
fn a_list() {
    let path = vector().path;
    let target = path.to_string();
    let note = serde_json::to_string(&Note {
        schema: 1,
        pin: Pin {
            name: "release".parse().unwrap(),
            target: path.clone(),
            by: Some("root via ada@laptop".into()),
            reason: Some("v1\u{1b}".into()),
            at: When::from_unix(5),
            expires: Some(When::from_unix(9)),
            sha256: None,
        },
    })
    .unwrap();
    let found = list(&[
        ("pin", "release"),
        ("target", &target),
        ("made", "1"),
        ("note", &note),
        ("sha256", "ab12"),
        ("pin", "by-hand"),
        ("target", &target),
        ("made", "7"),
        ("pin", "elsewhere"),
        ("target", "/home/ada/result"),
        ("made", "8"),
        ("pin", "stale-note"),
        ("target", &target),
        ("note", &note),
    ]);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].by.as_deref(), Some("root via ada@laptop"));
    assert_eq!(found[0].reason.as_deref(), Some("v1\\e"));
    assert_eq!(
        (found[0].at, found[0].expires),
        (When::from_unix(5), Some(When::from_unix(9)))
    );
    assert_eq!(
        (found[1].by.clone(), found[1].at),
        (None, When::from_unix(7))
    );
    assert_eq!(Shown::of(&found[0]), Shown::Note("ab12".into()));
    assert_eq!(Shown::of(&found[1]), Shown::Bare);
    // The note of another pin says nothing of this one.
    assert_eq!(found[2].by, None);
}

proptest! {
    #[test]
    fn never_panics(lines in prop::collection::vec(("(pin|target|made|note|sha256)", "\\PC{0,40}"), 0..12)) {
        let _ = pins(lines.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    }
}
