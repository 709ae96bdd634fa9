//! What was found in the audit log, in words.

use super::{Verification, Witness};
use crate::domain::count::count;
use crate::domain::text::visible;

/// The verdict, and a line for each flaw, for what is not known, and for what was compared.
pub fn summary(file: &str, found: &Verification) -> Vec<String> {
    let file = visible(file);
    let records = count(found.records, "record");
    let files = match found.files.len() {
        0 | 1 => String::new(),
        files => format!(" in {files} files"),
    };
    let wrong = found.flaws_total + found.missing_total;
    let verdict = match (found.is_broken(), found.whole()) {
        (true, _) => format!("not whole, {}", count(wrong, "flaw")),
        (false, true) => "the chain is whole".to_owned(),
        (false, false) if found.records > 0 => {
            "nothing wrong was found, but not all could be checked".to_owned()
        }
        (false, false) => "nothing could be checked".to_owned(),
    };
    let mut lines = vec![format!("{file}: {records}{files}, {verdict}")];
    for flaw in &found.flaws {
        let label = if flaw.counts() { "wrong" } else { "repaired" };
        lines.push(format!("  {label:<7}  {flaw}"));
    }
    let missing = found.missing.iter();
    lines.extend(missing.map(|missing| format!("  wrong    {missing}")));
    let named = found.flaws.len() + found.missing.len();
    if wrong > named {
        lines.push(format!("  wrong    {} more", count(wrong - named, "flaw")));
    }
    let unknown = found.unknown.iter();
    lines.extend(unknown.map(|unknown| format!("  unknown  {unknown}")));
    let notes = found.notes.iter();
    lines.extend(notes.map(|note| format!("  checked  {note}")));
    for witness in &found.vouched_by {
        let who = match witness {
            Witness::Copy => "the copy on this machine has the last record",
            Witness::Journal => "the server's journal has the last record",
            Witness::Signature(_) => continue,
        };
        lines.push(format!("  checked  {who}"));
    }
    lines
}
