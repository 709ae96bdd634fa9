//! `status` for people.
//!
//! In: what was found out. Out: for one server each check, worst first; for many a line each with what is worst about it.

use super::report::{Report, ServerStatus};
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::domain::Bytes;
use crate::domain::count::{count, number};
use crate::domain::text::visible;
use crate::judge::health::State;

/// One server.
pub(super) fn one(report: &Report, out: &mut Out) -> Result<(), CliError> {
    out.line(&format!(
        "{}: {}",
        visible(&report.server),
        report.state.word()
    ))?;
    for check in &report.checks {
        out.line(&format!(
            " {}  {}",
            check.state.mark(),
            visible(&check.summary)
        ))?;
        if let Some(fix) = &check.fix {
            out.line(&format!("      {}", visible(fix.text())))?;
        }
    }
    let Some(counts) = &report.counts else {
        return Ok(());
    };
    out.line("")?;
    out.line(&format!("{:>12}  paths", number(counts.paths)))?;
    for (class, paths, bytes) in counts.by_trust.0.by_trust.iter().rev() {
        if *paths > 0 {
            let bytes = Bytes(*bytes);
            out.line(&format!("{:>12}  {class}, {bytes}", number(*paths)))?;
        }
    }
    Ok(())
}

/// Many, worst first.
pub(super) fn all(all: &[ServerStatus], out: &mut Out) -> Result<(), CliError> {
    let mut sorted: Vec<&ServerStatus> = all.iter().collect();
    sorted.sort_by_key(|status| std::cmp::Reverse(status.code()));
    let name = |status: &ServerStatus| visible(status.server()).into_owned();
    let width = sorted
        .iter()
        .map(|status| name(status).chars().count())
        .max();
    let width = width.unwrap_or_default();
    for status in sorted {
        let (mark, what) = match status {
            ServerStatus::Answered(report) => (report.state.mark(), sizes(report)),
            ServerStatus::Unreachable(_) => ('x', String::new()),
        };
        let line = format!(
            " {mark}  {:width$}  {:11}  {what}",
            name(status),
            status.word()
        );
        out.line(line.trim_end())?;
        let (summary, fix) = match status {
            ServerStatus::Answered(report) => match report.checks.first() {
                Some(check) if check.state != State::Fine => (
                    Some(check.summary.clone()),
                    check.fix.as_ref().map(|fix| fix.text().to_owned()),
                ),
                _ => (None, None),
            },
            ServerStatus::Unreachable(unreachable) => (Some(unreachable.error.to_string()), None),
        };
        for line in summary.iter().chain(&fix) {
            out.line(&format!("    {:width$}  {}", "", visible(line)))?;
        }
    }
    Ok(())
}

fn sizes(report: &Report) -> String {
    let mut parts = Vec::new();
    if let Some(counts) = &report.counts {
        parts.push(count(counts.paths, "path"));
        parts.push(format!("{} refused", number(counts.refused)));
    }
    if let Some(store) = &report.disk.store {
        parts.push(format!("{} left", Bytes(store.available)));
    }
    parts.join(", ")
}
