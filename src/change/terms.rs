//! For how long and from where: what a change gives to keys and pins.
//!
//! In: the items of a plan. Out: [`Terms`] in the words of receipts and of the audit log.

use super::{Item, Plan};
use crate::domain::authorized_keys::AuthorizedKeys;
use crate::domain::text::visible;

/// The terms of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Until when, `no end`, or nothing where that is no matter of the change.
    pub lifetime: Option<String>,
    /// The addresses of a key's `from=`, `anywhere`, or nothing where no key is authorized.
    pub from: Option<String>,
}

impl Terms {
    /// Those of a plan; different ones of several items are joined by a semicolon.
    pub fn of(plan: &Plan) -> Self {
        let (mut lifetimes, mut addresses) = (Vec::new(), Vec::new());
        let unlimited = || "no end".to_owned();
        for item in &plan.items {
            match item {
                Item::Key {
                    after: Some(line), ..
                } => {
                    let document = AuthorizedKeys::parse(line.as_bytes());
                    let Some(options) = document.line(1).and_then(|line| line.key()?.effective())
                    else {
                        continue;
                    };
                    lifetimes.push(options.expiry.map_or_else(unlimited, |end| {
                        let zone = if end.utc {
                            ""
                        } else {
                            ", by the server's clock"
                        };
                        format!("until {}{zone}", end.at(0))
                    }));
                    let from = options.from.as_deref().unwrap_or("anywhere");
                    addresses.push(visible(from).into_owned());
                }
                Item::Certificate { expires, from, .. } => {
                    lifetimes.push(format!("until {expires}"));
                    let from = from.as_deref().unwrap_or("anywhere");
                    addresses.push(visible(from).into_owned());
                }
                // What goes has no end to come.
                Item::Pin { expires, .. } if plan.change == "pin" => {
                    lifetimes.push(expires.map_or_else(unlimited, |end| format!("until {end}")));
                }
                _ => {}
            }
        }
        let joined = |mut all: Vec<String>| {
            all.dedup();
            (!all.is_empty()).then(|| all.join("; "))
        };
        Self {
            lifetime: joined(lifetimes),
            from: joined(addresses),
        }
    }
}
