//! `why`: would a client get this path?
//!
//! In: a path. Out: its closure, and each obstacle in it with what mends it. Only the closure is asked for, level by
//! level over the interactive link: the answer is there within a few round trips, however large the store is.

use super::args;
use super::error::{CliError, Kind};
use super::find::{self, Wanted, paths};
use super::out::Out;
use super::session::Session;
use crate::change::sign::is_unmendable;
use crate::domain::Notice;
use crate::domain::count::count;
use crate::domain::text::visible;
use crate::domain::{Assessment, Bytes, KeyRing, PathInfo, StorePath, TrustClass, Verdict};
use crate::domain::{Remedy, remedy};
use crate::judge::health::UNREADABLE;
use crate::load::{AssessedPath, closure};
use serde::Serialize;

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema: u8,
    path: String,
    present: bool,
    would_copy: bool,
    closure: Option<Closure>,
    obstacles: Vec<Obstacle>,
    /// Of a path that is not in the store: those with the most similar names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearest: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Closure {
    paths: usize,
    nar_size: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Obstacle {
    path: String,
    kind: &'static str,
    message: String,
    #[serde(flatten, serialize_with = "remedy::fields")]
    fix: Option<Remedy>,
}

/// Runs it; the exit code is 0 where a client would get the path, else 1.
pub(super) async fn run(
    session: &Session,
    args: &args::Why,
    out: &mut Out,
) -> Result<u8, CliError> {
    let wanted = [Wanted::parse(&args.path)?];
    let server = session.connect().await?;
    let path = paths(&server, &wanted).await?.into_iter().flatten().next();
    let facts = server.facts();
    let [wanted] = &wanted;
    let mut document = match path {
        Some(path) => {
            let judged = closure(&server, &facts.keys, std::slice::from_ref(&path)).await?;
            answer(session.name(), &facts.keys, &path, &judged)?
        }
        None => absent(wanted.shown()),
    };
    if !document.present {
        // A hint; where the store can't be listed, there is none.
        let alike = find::alike(&server, wanted).await.unwrap_or_default();
        document.nearest = alike.iter().map(ToString::to_string).collect();
    }
    server.link().close().await;
    if out.json() {
        out.document(&document)?;
    } else {
        text(&document, out)?;
    }
    Ok(u8::from(!document.would_copy))
}

fn absent(path: String) -> Document {
    let obstacle = Obstacle {
        path: path.clone(),
        kind: "missing",
        message: "it is not in the store".to_owned(),
        fix: Some("nix copy --to the server from a machine that has it, or build it again".into()),
    };
    Document {
        schema: 1,
        path,
        present: false,
        would_copy: false,
        closure: None,
        obstacles: vec![obstacle],
        nearest: Vec::new(),
    }
}

/// Puts the answer together. An answer that the server owes is an error: it might be an obstacle.
fn answer(
    server: &str,
    keys: &KeyRing,
    path: &StorePath,
    judged: &[AssessedPath],
) -> Result<Document, CliError> {
    let sign = format!("storekeeper sign {} {path} --closure", shell(server));
    let mut closure = Closure {
        paths: 0,
        nar_size: 0,
    };
    let mut obstacles = Vec::new();
    for answer in judged {
        match answer {
            AssessedPath::Valid(info, assessment) => {
                closure.paths += 1;
                closure.nar_size = closure.nar_size.saturating_add(info.nar_size);
                obstacles.extend(obstacle(keys, info, assessment, &sign));
            }
            AssessedPath::Invalid(missing) if missing == path => {
                return Ok(absent(path.to_string()));
            }
            AssessedPath::Invalid(missing) => obstacles.push(Obstacle {
                path: missing.to_string(),
                kind: "missing",
                message: "it is needed and not in the store of this server".to_owned(),
                fix: Some(Remedy::Advice(format!(
                    "copy the closure again: nix copy {path} from a machine that has it"
                ))),
            }),
            AssessedPath::Failed(failed, why) => {
                return Err(CliError::new(
                    Kind::Server,
                    Notice::new(
                        format!(
                            "the server could not tell anything of {failed}: {}",
                            visible(why)
                        ),
                        UNREADABLE,
                    ),
                ));
            }
        }
    }
    Ok(Document {
        schema: 1,
        path: path.to_string(),
        present: true,
        would_copy: obstacles.is_empty(),
        closure: Some(closure),
        obstacles,
        nearest: Vec::new(),
    })
}

fn obstacle(
    keys: &KeyRing,
    info: &PathInfo,
    assessment: &Assessment,
    sign: &str,
) -> Option<Obstacle> {
    let named = |wanted: Verdict| {
        let names: Vec<_> = assessment
            .signatures
            .iter()
            .filter(|(_, verdict)| *verdict == wanted)
            .map(|(name, _)| visible(name))
            .collect();
        names.join(", ")
    };
    let unmendable = is_unmendable(keys, info);
    let message = match assessment.class {
        _ if info.has_false_address() => {
            "its content address does not fit its path, so clients refuse it whatever signs it"
                .to_owned()
        }
        TrustClass::Unsigned => "it has no signature".to_owned(),
        TrustClass::UnknownKey if unmendable => format!(
            "its signature by {} is of an algorithm that is not known here, and Nix stops at it, since the trusted key of that name is one of Ed25519",
            named(Verdict::UnknownAlgorithm)
        ),
        TrustClass::UnknownKey => {
            match (named(Verdict::UnknownKey), named(Verdict::UnknownAlgorithm)) {
                (keys, foreign) if foreign.is_empty() => {
                    format!("it is signed only by {keys}, which clients of this cache do not trust")
                }
                (keys, foreign) if keys.is_empty() => format!(
                    "it is signed only by {foreign}, with an algorithm that is not known here"
                ),
                (keys, foreign) => format!(
                    "it is signed only by {keys}, which clients of this cache do not trust, and by {foreign}, with an algorithm that is not known here"
                ),
            }
        }
        TrustClass::Bad if unmendable => format!(
            "its signature by {} is malformed, so clients refuse it whatever else is signed",
            named(Verdict::Bad)
        ),
        TrustClass::Bad => format!("its signature by {} does not verify", named(Verdict::Bad)),
        TrustClass::Retired
        | TrustClass::Upstream
        | TrustClass::ContentAddressed
        | TrustClass::Ours => {
            return None;
        }
    };
    let fix = if unmendable && assessment.class == TrustClass::UnknownKey {
        Remedy::from(
            "give the key of the other algorithm a name of its own, and remove this signature from the path's row in Nix's database there",
        )
    } else if unmendable {
        Remedy::Advice(format!(
            "nix store delete {} on the server, and upload it again",
            info.path
        ))
    } else {
        Remedy::command(sign)
    };
    Some(Obstacle {
        path: info.path.to_string(),
        // Of the words for obstacles, `bad` is the one for what a class that clients take does not tell.
        kind: if assessment.class.refused() {
            assessment.class.word()
        } else {
            TrustClass::Bad.word()
        },
        message,
        fix: Some(fix),
    })
}

/// A server's name as a word of a command line.
pub(super) fn shell(name: &str) -> String {
    shell_words::quote(&visible(name)).into_owned()
}

fn text(document: &Document, out: &mut Out) -> Result<(), CliError> {
    out.line(&document.path)?;
    let Some(closure) = &document.closure else {
        for obstacle in &document.obstacles {
            out.line(&format!("  {}", obstacle.message))?;
        }
        return document
            .nearest
            .iter()
            .try_for_each(|path| out.line(&format!("  nearest     {path}")));
    };
    out.line(&format!(
        "  closure     {}, {}",
        count(closure.paths, "path"),
        Bytes(closure.nar_size)
    ))?;
    if document.would_copy {
        return out.line("  obstacles   none: a client that trusts the keys of this cache gets it");
    }
    out.line(&format!(
        "  obstacles   {}: a client refuses it",
        document.obstacles.len()
    ))?;
    let mut fixes: Vec<&str> = Vec::new();
    for obstacle in &document.obstacles {
        out.line(&format!("  {:<11} {}", obstacle.kind, obstacle.path))?;
        out.line(&format!("              {}", obstacle.message))?;
        if let Some(fix) = obstacle
            .fix
            .as_ref()
            .map(Remedy::text)
            .filter(|fix| !fixes.contains(fix))
        {
            fixes.push(fix);
        }
    }
    fixes
        .iter()
        .try_for_each(|fix| out.line(&format!("  next        {fix}")))
}

#[cfg(test)]
mod tests {
    use super::super::out::tests::Shared;
    use super::*;
    use crate::domain::path_info::tests::vector;
    use crate::domain::{KeyName, SigningKey};
    use crate::judge::trust::assess;
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
        answer("prod", &ring(), &vector().path, answers).unwrap()
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
        text(&document, &mut out).unwrap();
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
        assert!(answer("prod", &ring(), &vector().path, &[failed]).is_err());
    }
}
