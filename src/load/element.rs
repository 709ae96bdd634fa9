//! One store path as JSON has it.
//!
//! In: a row of the inventory, or an info that has just arrived. Out: the element of `paths` and of an exported list, its keys in the order of
//! the output contract. Nothing is copied that can be written from where it lies: there may be a million of them.

use super::AssessedPath;
use crate::domain::store_path::Full;
use crate::domain::{NarHash, StorePath, TrustClass, Verdict, When};
use crate::inventory::{Inventory, Row};
use serde::{Serialize, Serializer};

#[derive(Debug)]
struct Hash(NarHash);

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("sha256:{}", self.0.to_hex()))
    }
}

#[derive(Debug)]
struct Class(TrustClass);

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

#[derive(Debug, Serialize)]
struct Signed<'a> {
    key: &'a str,
    verdict: &'static str,
}

/// A path. What is not known is null.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Element<'a> {
    path: Full<'a>,
    nar_hash: Option<Hash>,
    nar_size: Option<u64>,
    registered: Option<When>,
    last_used: Option<When>,
    deriver: Option<StorePath>,
    references: Vec<Full<'a>>,
    signatures: Vec<Signed<'a>>,
    content_address: Option<&'a str>,
    trust: Option<Class>,
    refused: Option<bool>,
}

impl<'a> Element<'a> {
    /// From the inventory.
    pub fn of_row(inventory: &'a Inventory, row: Row) -> Self {
        let trust = inventory.trust(row);
        Self {
            path: Full(inventory.base_name(row)),
            nar_hash: inventory.nar_hash(row).map(Hash),
            nar_size: known(inventory.nar_size(row)),
            registered: inventory.registered(row),
            last_used: inventory.last_used(row),
            deriver: inventory.deriver(row),
            references: inventory
                .references(row)
                .iter()
                .map(|row| Full(inventory.base_name(*row)))
                .collect(),
            signatures: inventory
                .signatures(row)
                .map(|(key, verdict)| signed(key, verdict))
                .collect(),
            content_address: inventory.content_address(row),
            trust: trust.map(Class),
            refused: trust.map(TrustClass::refused),
        }
    }

    /// From an answer; `None` for a path that is not in the store any more.
    pub fn of_answer(judged: &'a AssessedPath) -> Option<Self> {
        match judged {
            AssessedPath::Valid(info, assessment) => Some(Self {
                path: Full(info.path.base_name()),
                nar_hash: Some(Hash(info.nar_hash)),
                nar_size: known(Some(info.nar_size)),
                registered: Some(info.registered),
                last_used: None,
                deriver: info.deriver.clone(),
                references: info
                    .references
                    .iter()
                    .map(|path| Full(path.base_name()))
                    .collect(),
                signatures: assessment
                    .signatures
                    .iter()
                    .map(|(key, verdict)| signed(key, *verdict))
                    .collect(),
                content_address: info.content_address.as_deref(),
                trust: Some(Class(assessment.class)),
                refused: Some(assessment.class.refused()),
            }),
            AssessedPath::Failed(path, _) => Some(Self {
                path: Full(path.base_name()),
                nar_hash: None,
                nar_size: None,
                registered: None,
                last_used: None,
                deriver: None,
                references: Vec::new(),
                signatures: Vec::new(),
                content_address: None,
                trust: None,
                refused: None,
            }),
            AssessedPath::Invalid(_) => None,
        }
    }
}

/// Nix writes 0 for a size that it does not know.
fn known(size: Option<u64>) -> Option<u64> {
    size.filter(|size| *size > 0)
}

fn signed(key: &str, verdict: Verdict) -> Signed<'_> {
    Signed {
        key,
        verdict: verdict.word(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_info::tests::vector;
    use crate::domain::{Assessment, KeyRing};
    use crate::inventory::Builder;
    use crate::judge::trust::assess;

    /// As in the output contract, key by key.
    const EXPECTED: &str = r#"{"path":"/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0","narHash":"sha256:9bc95b2ec9d317d0c9a29cbeefee205822e1a563c4f964e53ece3a3ef6ba576a","narSize":226560,"registered":"2023-11-14T22:13:20Z","lastUsed":null,"deriver":null,"references":["/nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-demo-lib-2.3","/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0"],"signatures":[{"key":"stranger","verdict":"unknown-key"}],"contentAddress":null,"trust":"unknown-key","refused":true}"#;

    fn judged() -> AssessedPath {
        let mut info = vector();
        info.references.sort_unstable();
        info.references.truncate(2);
        info.signatures = vec!["stranger:AAAA".into()];
        let assessment: Assessment = assess(&KeyRing::default(), &info);
        AssessedPath::Valid(info, assessment)
    }

    #[test]
    fn the_same_from_an_answer_and_from_a_row() {
        let answer = judged();
        let element = Element::of_answer(&answer).unwrap();
        assert_eq!(serde_json::to_string(&element).unwrap(), EXPECTED);
        let mut builder = Builder::new(vec![vector().path]);
        answer.enter(&mut builder);
        let inventory = builder.finish();
        let row = inventory.find(&vector().path).unwrap();
        let element = Element::of_row(&inventory, row);
        assert_eq!(serde_json::to_string(&element).unwrap(), EXPECTED);
    }

    #[test]
    fn what_is_not_known_is_null() {
        let failed = AssessedPath::Failed(vector().path, "broken".into());
        let element = serde_json::to_value(Element::of_answer(&failed).unwrap()).unwrap();
        for key in ["narHash", "narSize", "registered", "trust", "refused"] {
            assert!(element[key].is_null(), "{key}");
        }
        let AssessedPath::Valid(mut info, assessment) = judged() else {
            panic!()
        };
        info.nar_size = 0;
        let unsized_ = AssessedPath::Valid(info, assessment);
        let element = serde_json::to_value(Element::of_answer(&unsized_).unwrap()).unwrap();
        assert!(element["narSize"].is_null());
        assert!(Element::of_answer(&AssessedPath::Invalid(vector().path)).is_none());
    }
}
