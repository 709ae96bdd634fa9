//! The document of a path, and what is printed of it.

use super::*;
use crate::cli::out::tests::Shared;
use crate::domain::path_info::tests::vector;
use crate::domain::{KeyName, KeyRing, Remedy, SigningKey};
use crate::judge::trust::assess;
use crate::load::AssessedPath;
use crate::load::way::of_closure;
use zeroize::Zeroizing;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(KeyName::new("k-1").unwrap(), &Zeroizing::new([seed; 32]))
}

fn ring() -> KeyRing {
    KeyRing::new(vec![key(1).public()], vec![], vec![])
}

fn judged(signatures: &[String]) -> AssessedPath {
    let mut info = vector();
    info.signatures = signatures.to_vec();
    let assessment = assess(&ring(), &info);
    AssessedPath::Valid(info, assessment)
}

fn document(answers: &[AssessedPath]) -> Document {
    Document::new(of_closure("prod", &ring(), &vector().path, answers).unwrap())
}

#[test]
fn each_kind_of_obstacle() {
    let wrong = key(2).sign(b"x").to_string();
    let cases = [
        (vec![], "unsigned"),
        (vec!["other:AAAA".to_owned()], "unknown-key"),
        (vec![wrong], "bad"),
    ];
    for (signatures, kind) in cases {
        let document = document(&[judged(&signatures)]);
        assert!(document.present && !document.would_copy);
        let [obstacle] = document.obstacles.as_slice() else {
            panic!("{kind}")
        };
        assert_eq!(obstacle.kind, kind);
        assert_eq!(
            obstacle.fix.as_ref().map(Remedy::text),
            Some(
                "storekeeper sign prod /nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0 --closure"
            )
        );
    }
}

#[test]
fn a_malformed_signature_is_not_mended_by_signing() {
    let document = document(&[judged(&["k-1:AAAA".to_owned()])]);
    let fix = document.obstacles[0]
        .fix
        .as_ref()
        .map(Remedy::text)
        .unwrap();
    assert!(fix.starts_with("nix store delete /nix/store/5wd5"), "{fix}");
}

#[test]
fn no_obstacle() {
    let good = key(1).sign(&vector().fingerprint().unwrap()).to_string();
    let document = document(&[judged(&[good])]);
    assert_eq!(
        serde_json::to_string(&document).unwrap(),
        r#"{"schema":1,"path":"/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0","present":true,"wouldCopy":true,"closure":{"paths":1,"narSize":226560},"obstacles":[]}"#
    );
    let shared = Shared::default();
    let mut out = Out::to(Box::new(shared.clone()), false);
    text::print(&document, &mut out).unwrap();
    out.flush().unwrap();
    let shown = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
    assert!(shown.contains("closure     1 path, 221 KiB"), "{shown}");
}

#[test]
fn what_is_missing() {
    let gone = document(&[AssessedPath::Invalid(vector().path)]);
    assert!(!gone.present && gone.closure.is_none());
    assert_eq!(gone.obstacles[0].kind, "missing");
    let needed = vector().references[0].clone();
    let hole = document(&[judged(&[]), AssessedPath::Invalid(needed.clone())]);
    assert!(hole.present);
    assert_eq!(hole.obstacles[1].path, needed.to_string());
    assert_eq!(hole.obstacles[1].kind, "missing");
    let failed = AssessedPath::Failed(needed, "bad\u{1b}[2J".into());
    assert!(of_closure("prod", &ring(), &vector().path, &[failed]).is_err());
}
