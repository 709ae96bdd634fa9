//! The dialog before a certificate is made: what can be typed, and what stands there while nothing is.
//!
//! In: the texts of the dialog, and its plan. Out: rows below the plan, and what the plan is made of.

use crate::console::plan::expiry::expiry;
use crate::console::plan::request::CertificateFields;
use crate::console::plan::rows::Below;
use crate::console::plan::state::{Field, PlanDialog, Texts};
use crate::console::types::action::Act;
use crate::console::types::change::ChangeKind;
use crate::console::types::keymap::Keymap;
use crate::console::types::problem::Problem;
use crate::domain::{When, notice};
use tui_input::Input;

/// Whether a line of the plan stands below it, where it can be changed. What another administrator has planned says itself what it is.
pub(super) fn is_below(change: &ChangeKind, label: &str) -> bool {
    let own = ["id", "for", "from"].contains(&label);
    change.signs() && label == "file" || change.certifies() && own
}

fn typed(input: &Input) -> Option<String> {
    let text = input.value().trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What was typed.
pub(super) fn fields(texts: &Texts) -> Result<CertificateFields, Problem> {
    let Some(authority) = typed(&texts.authority) else {
        return Err(Problem::say(notice!(
            "no authority is named",
            "type the file of its private key, or its .pub file where the ssh-agent has the key"
        )));
    };
    let names = texts.names.value().split([',', ' ']);
    let names = names.filter(|name| !name.is_empty());
    Ok(CertificateFields {
        authority,
        names: names.map(str::to_owned).collect(),
        id: typed(&texts.id),
        file: typed(&texts.file),
    })
}

/// When it ends.
pub(super) fn end(texts: &Texts, now: When) -> Result<When, Problem> {
    let end = expiry(texts.expires.value(), now).map_err(Problem::say)?;
    end.ok_or_else(|| {
        Problem::say(notice!(
            "a certificate without an end cannot be taken back by the key files",
            "give it an end, such as 30d"
        ))
    })
}

/// What can be typed, from top to bottom.
pub(super) fn below(dialog: &PlanDialog, keymap: &Keymap) -> Vec<Below> {
    let lines = dialog.made().map(|plan| plan.lines.as_slice());
    let row = |field, label, act, (planned, usual): (&str, &str)| {
        let mut lines = lines.unwrap_or_default().iter();
        let line = lines.find(|(own, _)| *own == planned);
        let empty = line.map_or(usual, |(_, value)| value.as_str());
        Below::Text(
            field,
            label,
            format!("{empty}; {} writes another", keymap.names(act)),
        )
    };
    let mut rows = vec![
        Below::Text(
            Field::Authority,
            "authority",
            format!(
                "{} names the file of its key",
                keymap.names(Act::PlanAuthority)
            ),
        ),
        row(
            Field::Names,
            "names",
            Act::PlanNames,
            ("for", "what the server wants of its authority"),
        ),
        row(Field::Id, "id", Act::PlanId, ("id", "the key's comment")),
        Below::Text(
            Field::From,
            "from",
            format!("anywhere; {} limits it", keymap.names(Act::PlanFrom)),
        ),
        Below::Text(
            Field::Expires,
            "ends",
            format!("{} says when", keymap.names(Act::PlanLifetime)),
        ),
        row(
            Field::File,
            "file",
            Act::PlanFile,
            ("file", "called after the key's comment"),
        ),
    ];
    if !dialog.change.certifies() {
        rows.retain(|row| matches!(row, Below::Text(Field::Authority | Field::File, ..)));
    }
    rows
}
