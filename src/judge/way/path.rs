//! The steps that are about a path: whether it is there, whole, signed and what its hash says.
//!
//! In: the path with its closure, and its contents where they were compared. Out: four steps.

use super::{Contents, PathFacts, State, Step};
use crate::domain::count::count;
use crate::domain::{Bytes, Remedy};

/// The path, its closure, what it is signed with, and its contents.
pub(super) fn steps(server: &str, path: &PathFacts, contents: Option<&Contents>) -> [Step; 4] {
    let Some(closure) = path.closure else {
        let gone = |id| Step::new(id, State::Unknown, "the path is not there");
        let missing = path.of_kind(true).next();
        return [
            Step {
                remedy: missing.and_then(|one| one.fix.clone()),
                ..Step::new("path", State::Wrong, "it is not in the store")
            },
            gone("closure"),
            gone("signatures"),
            gone("contents"),
        ];
    };
    let size = format!(
        "{}, {}",
        count(closure.paths, "path"),
        Bytes(closure.nar_size)
    );
    [
        Step::new("path", State::Fine, "it is in the store"),
        all(path, true, "closure", &format!("it is whole: {size}")),
        all(
            path,
            false,
            "signatures",
            "every path has what clients trust",
        ),
        of_contents(server, path, contents),
    ]
}

/// A step that holds where no path is an obstacle of this kind.
fn all(path: &PathFacts, missing: bool, id: &'static str, fine: &str) -> Step {
    let mut wrong = path.of_kind(missing);
    let Some(first) = wrong.next() else {
        return Step::new(id, State::Fine, fine);
    };
    let more = match wrong.count() {
        0 => String::new(),
        others => format!(", and {} like that", count(others, "more path")),
    };
    let message = format!("{}: {}{more}", first.path, first.message);
    Step {
        remedy: first.fix.clone(),
        ..Step::new(id, State::Wrong, message)
    }
}

fn of_contents(server: &str, path: &PathFacts, contents: Option<&Contents>) -> Step {
    let step = |state, message: String| Step::new("contents", state, message);
    let Some(found) = contents else {
        return step(State::Unknown, "not compared with their hashes".to_owned()).remedy(
            Remedy::command(format!("storekeeper why {server} {} --contents", path.path)),
        );
    };
    if let Some(first) = found.corrupt.first() {
        let message = format!(
            "{} of {} damaged, {first} first",
            found.corrupt.len(),
            count(found.checked, "path")
        );
        let all = found.corrupt.join(" ");
        return step(State::Wrong, message).remedy(Remedy::command(format!(
            "storekeeper verify {server} {all} --repair"
        )));
    }
    if let Some(first) = found.failed.first() {
        let message = format!(
            "{} of {} could not be compared, {first} first",
            found.failed.len(),
            count(found.checked, "path")
        );
        return step(State::Unknown, message);
    }
    let message = format!("{} as their hashes say", count(found.checked, "path"));
    step(State::Fine, message)
}
