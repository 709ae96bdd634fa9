//! By which authority a certificate logs in: a line of a key file, or `TrustedUserCAKeys`; and whether it has a name that is wanted there.
//!
//! In: the key files and settings, a certificate. Out: the steps of the best of its ways, and the options that its session has.

use super::limits::limits;
use super::{Case, Step};
use crate::domain::access::KeyFile;
use crate::domain::authorized_keys::{KeyLine, KeyOptions};
use crate::domain::text::visible;
use crate::judge::access::Reading;
use crate::judge::authorities::by_settings;
use crate::judge::hygiene;
use crate::judge::step::State;

/// The ids of the steps.
const ID: &str = "authority";
const NAMES: &str = "principals";

/// The first release of OpenSSH of which it is not known that an empty list of names fits all.
const EMPTY_FITS_NONE: (u32, u32) = (10, 3);

/// A way, and the options of its session.
type Way = (Vec<Step>, Option<KeyOptions>);

/// The best way: all of it fine, then without anything wrong. sshd goes on behind one that refuses.
pub(super) fn way(reading: &Reading<'_>, case: Case<'_>) -> Way {
    let mut ways = by_lines(reading, case);
    ways.extend(by_trust(case));
    let rank = |(steps, _): &Way| {
        let of = |state: State| steps.iter().filter(|step| step.state == state).count();
        (of(State::Wrong), of(State::Unknown))
    };
    let best = ways.into_iter().min_by_key(rank);
    best.unwrap_or_else(|| (vec![nobody(case)], None))
}

/// The authority as it is called in a step.
fn called(case: Case<'_>) -> String {
    format!("the authority {}", case.certificate.authority)
}

/// Of an authority that no file has.
fn nobody(case: Case<'_>) -> Step {
    let facts = case.facts;
    let unread = facts.files.iter().find(|file| file.content.is_err());
    let settings = facts.sshd.settings.as_ref().ok();
    let command = settings.and_then(|settings| settings.authorized_keys_command.as_ref());
    let command = command.filter(|command| !command.contains("storekeeper"));
    let trusted = facts.certificates.trusted.as_ref().err();
    let why = match (unread, trusted, command) {
        (Some(file), ..) => Some(format!("{} can't be read", visible(&file.path))),
        (_, Some(why), _) => Some(visible(&why.to_string()).into_owned()),
        (.., Some(command)) => Some(format!("keys also come from {}", visible(command))),
        (None, None, None) if facts.files.is_empty() => Some("no key file is known".to_owned()),
        (None, None, None) => None,
    };
    let authority = called(case);
    if let Some(why) = why {
        let message = format!("no file that was read has {authority}, and {why}");
        return Step::new(ID, State::Unknown, message);
    }
    Step::new(
        ID,
        State::Wrong,
        format!("the server takes no certificates of {authority}"),
    )
    .remedy("put cert-authority and the authority's public key into a key file of the cache user")
}

/// The ways by lines of the cache user's key files.
fn by_lines(reading: &Reading<'_>, case: Case<'_>) -> Vec<Way> {
    let own = |file: &KeyFile| {
        let mut files = reading.facts.files.iter();
        files.any(|one| std::ptr::eq(one, file))
    };
    let mut ways = Vec::new();
    for (file, document) in reading.documents.iter().filter(|(file, _)| own(file)) {
        for (number, line) in document.keys() {
            if line.key.fingerprint() != case.certificate.authority {
                continue;
            }
            match line.effective() {
                Some(options) if options.cert_authority => {
                    ways.push(by_line(case, (file, number, line), options));
                }
                Some(_) => {}
                None => ways.push((vec![disabled(file, number)], None)),
            }
        }
    }
    ways
}

fn place(file: &KeyFile, number: usize) -> String {
    format!("line {number} of {}", visible(&file.path))
}

fn disabled(file: &KeyFile, number: usize) -> Step {
    let place = place(file, number);
    let message = format!("{place} has the authority, but sshd does not take its options");
    Step::new(ID, State::Wrong, message).remedy("correct the options of the line")
}

fn by_line(
    case: Case<'_>,
    (file, number, line): (&KeyFile, usize, &KeyLine),
    options: &KeyOptions,
) -> Way {
    let facts = case.facts;
    let place = place(file, number);
    let settings = facts.sshd.settings.as_ref().ok();
    let strict = settings.is_none_or(|settings| settings.strict_modes != Some(false));
    let wrong = |message: String| Step::new(ID, State::Wrong, message);
    let end = hygiene::expiry(line, facts.utc_offset).filter(|end| *end <= facts.at);
    let authority = if let Some(why) = file.strict_modes_problem.as_ref().filter(|_| strict) {
        let file = visible(&file.path);
        wrong(format!("sshd does not read {file}: {}", visible(why)))
            .remedy("correct its owner and mode")
    } else if line.lints().iter().any(|lint| lint.disables) {
        disabled(file, number)
    } else if let Some(end) = end {
        let ago = end.age(facts.at);
        wrong(format!("{place} has the authority, and expired {ago} ago"))
            .remedy("give the line of the authority a later end")
    } else {
        let message = format!("{place} takes certificates of {}", called(case));
        Step::new(ID, State::Fine, message)
    };
    let command = case.certificate.forced().or(options.command.as_deref());
    let session = KeyOptions {
        command: command.map(str::to_owned),
        ..options.clone()
    };
    let steps = vec![
        authority,
        names_of_line(case, &place, options),
        limits(case, &place, Some(options)),
    ];
    (steps, Some(session))
}

/// Whether it has a name that a line of a key file wants: one of `principals=`, else the user's.
fn names_of_line(case: Case<'_>, place: &str, options: &KeyOptions) -> Step {
    let own = &case.certificate.principals;
    let Some(list) = &options.principals else {
        let user = case.facts.cache_user.as_ref();
        let user = user.map_or("", |user| user.name.as_str());
        return if own.is_empty() {
            empty(case)
        } else {
            wanted(case, &[user.to_owned()], place)
        };
    };
    let listed: Vec<String> = list.split(',').map(str::to_owned).collect();
    // A name with a comma is taken for several by some releases.
    let split = |name: &String| {
        name.contains(',')
            && name
                .split(',')
                .any(|part| listed.iter().any(|one| one == part))
    };
    if own.iter().any(split) && !own.iter().any(|name| listed.contains(name)) {
        let message = "it has a name with a comma, which releases of sshd read differently";
        return Step::new(NAMES, State::Unknown, message);
    }
    wanted(case, &listed, place)
}

/// A certificate without names, and a line without `principals=`.
fn empty(case: Case<'_>) -> Step {
    let version = case.facts.sshd.version.as_deref().ok().and_then(release);
    match version {
        Some(version) if version < EMPTY_FITS_NONE => {
            let message = "it names nobody, which sshd takes for everybody here";
            Step::new(NAMES, State::Fine, message)
        }
        _ => {
            let message = "it names nobody, which older releases of sshd take for everybody and newer ones for nobody";
            let step = Step::new(NAMES, State::Unknown, message);
            step.remedy("sign the key anew with a name: ssh-keygen -n NAME")
        }
    }
}

/// `(9, 2)` of `OpenSSH_9.2p1`.
fn release(version: &str) -> Option<(u32, u32)> {
    let rest = version.split_once("OpenSSH_")?.1;
    let (major, rest) = rest.split_once('.')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    Some((major.parse().ok()?, rest.get(..digits)?.parse().ok()?))
}

/// Whether it has one of these names.
fn wanted(case: Case<'_>, names: &[String], place: &str) -> Step {
    let own = &case.certificate.principals;
    let shown = |names: &[String]| {
        let shown: Vec<_> = names.iter().map(|name| visible(name)).collect();
        shown.join(", ")
    };
    if let Some(name) = own.iter().find(|name| names.contains(name)) {
        let message = format!("it is for {}, which {place} wants", visible(name));
        return Step::new(NAMES, State::Fine, message);
    }
    let has = match own.as_slice() {
        [] => "it names nobody".to_owned(),
        own => format!("it is for {}", shown(own)),
    };
    let message = format!("{has}, and {place} wants {}", shown(names));
    let first = names.first().map_or("NAME", String::as_str);
    Step::new(NAMES, State::Wrong, message).remedy(format!(
        "sign the key anew with one of these names: ssh-keygen -n {}",
        visible(first)
    ))
}

/// The way by `TrustedUserCAKeys`, where that has the authority.
fn by_trust(case: Case<'_>) -> Option<Way> {
    let facts = case.facts;
    let settings = facts.sshd.settings.as_ref().ok()?;
    let user = facts.cache_user.as_ref().ok()?;
    let trusted = facts.certificates.trusted.as_ref().ok()?;
    let mut trusted = trusted.iter();
    let (number, _) = trusted.find(|(_, key)| key.fingerprint() == case.certificate.authority)?;
    let file = facts.certificates.file.as_deref().unwrap_or_default();
    let place = format!("line {number} of {}", visible(file));
    let message = format!(
        "{place} (TrustedUserCAKeys) takes certificates of {}",
        called(case)
    );
    let authority = Step::new(ID, State::Fine, message);
    let names = by_settings(facts, settings, user);
    let known = wanted(case, &names.names, "sshd");
    let own = &case.certificate.principals;
    let limited = |name: &String| own.contains(name) && facts.certificates.limited.contains(name);
    let step = match (&known.state, &names.unknown) {
        (State::Fine, _) if names.names.iter().any(limited) => {
            let message = "the line of its name in AuthorizedPrincipalsFile has options, which are not judged here";
            Step::new(NAMES, State::Unknown, message)
        }
        (State::Fine, _) | (_, None) => known,
        (_, Some(_)) if own.is_empty() => known,
        (_, Some(why)) => {
            let message = format!("which names sshd wants is not known: {why}");
            Step::new(NAMES, State::Unknown, message)
        }
    };
    let session = KeyOptions {
        command: case.certificate.forced().map(str::to_owned),
        ..KeyOptions::default()
    };
    let steps = vec![authority, step, limits(case, "sshd", None)];
    Some((steps, Some(session)))
}
