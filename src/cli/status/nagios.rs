//! `status` for Nagios, Icinga and what runs their plugins.
//!
//! In: what was found out. Out: one line with what is worst and the performance data, then a line for each check that is not
//! fine. Source: the Monitoring Plugins' development guidelines, sections 2.2 and 2.6. Their exit code 3 is `UNKNOWN`, which
//! is what a server that can't be asked is.

use super::report::ServerStatus;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::domain::text::visible;
use crate::judge::health::State;

/// Writes all of it.
pub(super) fn print(all: &[ServerStatus], out: &mut Out) -> Result<(), CliError> {
    let worst = all.iter().map(ServerStatus::code).max().unwrap_or_default();
    let word = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][usize::from(worst.min(3))];
    let many = all.len() > 1;
    let mut found = Vec::new();
    for status in all {
        match status {
            ServerStatus::Answered(report) => {
                let checks = report.checks.iter();
                let wrong = checks.filter(|check| check.state != State::Fine);
                found.extend(wrong.map(|check| (status, check.summary.clone())));
            }
            ServerStatus::Unreachable(unreachable) => {
                found.push((status, unreachable.error.to_string()));
            }
        }
    }
    found.sort_by_key(|(status, _)| std::cmp::Reverse(status.code()));
    // A bar begins the performance data.
    let line = |(status, summary): &(&ServerStatus, String)| {
        let text = if many {
            format!("{}: {summary}", status.server())
        } else {
            summary.clone()
        };
        visible(&text).replace('|', "/")
    };
    let (first, others) = match found.split_first() {
        Some((first, others)) if worst > 0 => (line(first), others),
        // What is not known is no reason to look at a server that is fine.
        _ => ("nothing needs attention".to_owned(), found.as_slice()),
    };
    let data: Vec<String> = all.iter().flat_map(|status| data(status, many)).collect();
    let data = if data.is_empty() {
        String::new()
    } else {
        format!(" | {}", data.join(" "))
    };
    out.line(&format!("STOREKEEPER {word} - {first}{data}"))?;
    for other in others {
        out.line(&line(other))?;
    }
    Ok(())
}

/// The performance data of a server. Labels stand in quotes, in which a quote is written twice.
fn data(status: &ServerStatus, many: bool) -> Vec<String> {
    let ServerStatus::Answered(report) = status else {
        return Vec::new();
    };
    let server = visible(&report.server)
        .replace(['=', '|'], "_")
        .replace('\'', "''");
    let label = |name: &str| {
        if many {
            format!("'{server} {name}'")
        } else {
            name.to_owned()
        }
    };
    let counts = report.counts.as_ref();
    let counts = counts.map(|counts| {
        [
            format!("{}={};;;0", label("paths"), counts.paths),
            format!("{}={};;;0", label("refused"), counts.refused),
        ]
    });
    let store = report.disk.store.as_ref();
    let store = store.map(|store| {
        format!(
            "{}={}B;;;0;{}",
            label("available"),
            store.available,
            store.size
        )
    });
    counts.into_iter().flatten().chain(store).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::Kind;
    use crate::cli::out::tests::Shared;
    use crate::domain::notice;

    #[test]
    fn what_a_server_says_is_no_performance_data() {
        let shared = Shared::default();
        let mut out = Out::to(Box::new(shared.clone()), false);
        let said = "no route | paths=0\nmore";
        let error = || Err(CliError::new(Kind::Connect, notice!("{said}", "wait")));
        print(&[ServerStatus::new("one", error())], &mut out).unwrap();
        print(
            &[
                ServerStatus::new("one", error()),
                ServerStatus::new("two", error()),
            ],
            &mut out,
        )
        .unwrap();
        out.flush().unwrap();
        let bytes = shared.0.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[0].starts_with("STOREKEEPER UNKNOWN - no route / paths=0"),
            "{text}"
        );
        assert!(
            lines[1].contains(" - one: no route") && lines[2].starts_with("two: "),
            "{text}"
        );
        assert!(!text.contains('|'), "{text}");
    }
}
