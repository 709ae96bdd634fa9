//! `status` for Prometheus, as the text file of its node exporter.
//!
//! In: what was found out. Out: the metrics of all servers, each with HELP and TYPE once, in a fixed order. Source: the text
//! exposition format 0.0.4 and the naming rules of the Prometheus documentation. Names and labels are part of the output
//! contract.

use super::report::{Report, ServerStatus};
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::domain::When;
use crate::judge::health::State;

/// A label and its value.
type Label<'a> = (&'a str, String);

/// What a metric has of a server: labels beside the server, and a value.
type Values<'a> = Vec<(Vec<Label<'a>>, u64)>;

/// A metric: its name, its help, and what it has of a server that answered.
type Metric = (&'static str, &'static str, fn(&Report) -> Values<'static>);

const METRICS: [Metric; 9] = [
    (
        "storekeeper_state",
        "How the server is: 0 fine, 1 warning, 2 critical.",
        |report| vec![(Vec::new(), u64::from(report.code()))],
    ),
    (
        "storekeeper_check_state",
        "How a check is: 0 fine, 1 warning, 2 critical, 3 unknown; the worst of one id.",
        checks,
    ),
    (
        "storekeeper_paths",
        "Paths of the store by what clients make of them.",
        |report| {
            let counts = report.counts.as_ref();
            let classes = counts.map(|counts| counts.by_trust.0.by_trust).into_iter();
            let classes = classes.flatten();
            classes
                .map(|(class, paths, _)| (vec![("trust", class.word().to_owned())], paths as u64))
                .collect()
        },
    ),
    (
        "storekeeper_paths_refused",
        "Paths that clients would refuse.",
        |report| {
            let counts = report.counts.as_ref();
            one(counts.map(|counts| counts.refused as u64))
        },
    ),
    (
        "storekeeper_disk_size_bytes",
        "Size of the store's file system.",
        |report| one(report.disk.store.as_ref().map(|store| store.size)),
    ),
    (
        "storekeeper_disk_available_bytes",
        "What is left of the store's file system.",
        |report| one(report.disk.store.as_ref().map(|store| store.available)),
    ),
    (
        "storekeeper_disk_inodes",
        "Inodes of the store's file system.",
        |report| one(report.disk.store.as_ref().and_then(|store| store.inodes)),
    ),
    (
        "storekeeper_disk_inodes_used",
        "Inodes in use on the store's file system.",
        |report| {
            one(report
                .disk
                .store
                .as_ref()
                .and_then(|store| store.inodes_used))
        },
    ),
    (
        "storekeeper_database_size_bytes",
        "Size of Nix's database, its log included.",
        |report| {
            let database = report.disk.database.as_ref();
            one(database.map(|database| database.size.saturating_add(database.wal)))
        },
    ),
];

fn one(value: Option<u64>) -> Values<'static> {
    value.map(|value| (Vec::new(), value)).into_iter().collect()
}

/// The worst of each id: a label has one value.
fn checks(report: &Report) -> Values<'static> {
    let mut values: Vec<(&'static str, State)> = Vec::new();
    for check in &report.checks {
        match values.iter_mut().find(|(id, _)| *id == check.id) {
            Some((_, state)) => *state = check.state.max(*state),
            None => values.push((check.id, check.state)),
        }
    }
    values.sort_unstable();
    let number = |state| match state {
        State::Fine => 0,
        State::Warning => 1,
        State::Critical => 2,
        State::Unknown => 3,
    };
    values
        .into_iter()
        .map(|(id, state)| (vec![("check", id.to_owned())], number(state)))
        .collect()
}

/// Writes all of it.
pub(super) fn print(all: &[ServerStatus], out: &mut Out) -> Result<(), CliError> {
    let up = "storekeeper_up";
    head(up, "Whether the server could be asked.", out)?;
    for status in all {
        let answered = matches!(status, ServerStatus::Answered(_));
        sample(up, status.server(), &[], u64::from(answered), out)?;
    }
    let reports = || {
        all.iter().filter_map(|status| match status {
            ServerStatus::Answered(report) => Some(report.as_ref()),
            ServerStatus::Unreachable(_) => None,
        })
    };
    for (name, help, values) in METRICS {
        let mut values = reports().map(|report| (report, values(report))).peekable();
        if values.peek().is_none() {
            continue;
        }
        head(name, help, out)?;
        for (report, values) in values {
            for (labels, value) in values {
                sample(name, &report.server, &labels, value, out)?;
            }
        }
    }
    let looked = "storekeeper_looked_timestamp_seconds";
    head(looked, "When the servers were asked.", out)?;
    let now = u64::try_from(When::now().unix()).unwrap_or_default();
    out.line(&format!("{looked} {now}"))
}

fn head(name: &str, help: &str, out: &mut Out) -> Result<(), CliError> {
    out.line(&format!("# HELP {name} {help}"))?;
    out.line(&format!("# TYPE {name} gauge"))
}

fn sample(
    name: &str,
    server: &str,
    labels: &[Label<'_>],
    value: u64,
    out: &mut Out,
) -> Result<(), CliError> {
    let server = ("server", server.to_owned());
    let labels: Vec<String> = std::iter::once(&server)
        .chain(labels)
        .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
        .collect();
    out.line(&format!("{name}{{{}}} {value}", labels.join(",")))
}

/// A label's value, with what the format escapes.
fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::Kind;
    use crate::cli::out::tests::Shared;
    use crate::domain::notice;

    #[test]
    fn a_server_of_any_name_stays_in_its_line() {
        let shared = Shared::default();
        let mut out = Out::to(Box::new(shared.clone()), false);
        let error = CliError::new(Kind::Connect, notice!("it is away", "wait"));
        let status = [ServerStatus::new("a\"b\\c\nd", Err(error))];
        print(&status, &mut out).unwrap();
        out.flush().unwrap();
        let bytes = shared.0.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            text.contains("storekeeper_up{server=\"a\\\"b\\\\c\\nd\"} 0\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 6, "{text}");
    }
}
