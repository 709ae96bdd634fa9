//! What a certificate's critical options and the options of its authority's line make of it together.
//!
//! In: a certificate, the options of a line or none, and where the client connects from. Out: one step.

use super::{Case, Step, worst};
use crate::domain::authorized_keys::KeyOptions;
use crate::domain::pattern::lets_in;
use crate::domain::ssh_key::Material;
use crate::domain::text::visible;
use crate::judge::step::State;
use std::net::IpAddr;

/// The id of the step.
const ID: &str = "limits";

/// What fixes an address that is not known.
const SAY_FROM: &str = "say where the client connects from: --from ADDRESS";

/// Judges them.
pub(super) fn limits(case: Case<'_>, place: &str, line: Option<&KeyOptions>) -> Step {
    let mut found = Vec::new();
    let sign = "sign the key anew";
    let mut add = |state, message: String, remedy: &str| {
        found.push(Step::new(ID, state, message).remedy(remedy));
    };
    let token = matches!(case.key.material(), Material::SkEcdsa | Material::SkEd25519);
    let critical = &case.certificate.critical;
    for (at, option) in critical.iter().enumerate() {
        let (name, value) = (option.name.as_str(), option.value.as_str());
        let shown = visible(name);
        if critical.iter().take(at).any(|before| before.name == name) {
            let message = format!("it has the option {shown} twice, so sshd refuses it");
            add(State::Wrong, message, sign);
        }
        match name {
            "force-command" => {
                let own = line.and_then(|line| line.command.as_deref());
                if let Some(own) = own.filter(|own| !own.is_empty() && *own != value) {
                    let message = format!(
                        "it forces {}, and {place} forces {}: sshd refuses it where they differ",
                        visible(value),
                        visible(own)
                    );
                    add(
                        State::Wrong,
                        message,
                        "sign the key anew with the same command",
                    );
                }
            }
            "source-address" => match (is_from(value, case.from), case.from) {
                (Err(()), _) => {
                    let message = format!(
                        "its source-address {} is no list of addresses",
                        visible(value)
                    );
                    add(State::Wrong, message, sign);
                }
                (Ok(Some(true)), _) => {}
                (Ok(Some(false)), from) => {
                    let message = format!(
                        "it is good from {} only, not from {}",
                        visible(value),
                        visible(from.unwrap_or_default())
                    );
                    add(
                        State::Wrong,
                        message,
                        "sign the key anew with another source-address",
                    );
                }
                (Ok(None), _) => {
                    let message = format!(
                        "it is good from {} only, and where the client connects from is not known",
                        visible(value)
                    );
                    add(State::Unknown, message, SAY_FROM);
                }
            },
            "verify-required" if token => {
                let message = "it wants a PIN at the token, which is not seen from here".to_owned();
                add(State::Unknown, message, "type the PIN when ssh asks for it");
            }
            "verify-required" => {}
            _ => {
                let message =
                    format!("sshd does not know its critical option {shown}, and refuses it");
                add(State::Wrong, message, sign);
            }
        }
    }
    found.extend(line.and_then(|line| from_of_line(case, place, line)));
    worst(ID, found, || {
        let names: Vec<_> = critical
            .iter()
            .map(|option| format!("{} {}", visible(&option.name), visible(&option.value)))
            .collect();
        match names.as_slice() {
            [] => "it has no critical option".to_owned(),
            names => format!("nothing is in its way: {}", names.join(", ")),
        }
    })
}

/// Whether the line's own `from=` keeps the client out, or may.
fn from_of_line(case: Case<'_>, place: &str, line: &KeyOptions) -> Option<Step> {
    let list = line.from.as_deref()?;
    let shown = visible(list);
    match (case.from, case.from.and_then(|from| lets_in(list, from))) {
        (_, Some(true)) => None,
        (Some(from), Some(false)) => {
            let from = visible(from);
            let message = format!("{place} allows it from {shown} only, not from {from}");
            let step = Step::new(ID, State::Wrong, message);
            Some(step.remedy("correct from= of the authority's line"))
        }
        _ => {
            let message = format!(
                "{place} allows it from {shown} only, and whether that includes the client is unknown"
            );
            Some(Step::new(ID, State::Unknown, message).remedy(SAY_FROM))
        }
    }
}

/// Whether a list of addresses, as `source-address` has it, has this one; `None` where that is not known, an error where sshd takes the
/// list for none.
pub(super) fn is_from(list: &str, from: Option<&str>) -> Result<Option<bool>, ()> {
    let mut found = false;
    let from = from.and_then(|from| from.parse::<IpAddr>().ok());
    for entry in list.split(',') {
        let (address, bits) = match entry.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (entry, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let (value, width) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let bits: u32 = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| ()))?;
        let host = width.checked_sub(bits).ok_or(())?;
        let network = |value: u128| value.checked_shr(host).unwrap_or(0);
        // Bits behind the network are an error to sshd.
        if host > 0 && network(value).checked_shl(host).unwrap_or(0) != value {
            return Err(());
        }
        found |= match (from, address) {
            (Some(IpAddr::V4(from)), IpAddr::V4(_)) => {
                network(u128::from(from.to_bits())) == network(value)
            }
            (Some(IpAddr::V6(from)), IpAddr::V6(_)) => network(from.to_bits()) == network(value),
            _ => false,
        };
    }
    Ok(from.map(|_| found))
}
