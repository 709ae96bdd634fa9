//! The dialog before something is installed that runs by itself: what can be typed, and what stands there while nothing is.
//!
//! In: the texts of the dialog. Out: rows below the plan, and what was chosen.

use crate::change::install::usual;
use crate::console::plan::rows::{Below, Row};
use crate::console::plan::state::{Field, Texts};
use crate::console::types::action::Act;
use crate::console::types::change::ChangeKind;
use crate::console::types::keymap::Keymap;
use crate::console::types::problem::Problem;
use crate::console::widgets::theme::Theme;
use crate::domain::Notice;
use crate::domain::installable::{Chosen, Installable};
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use tui_input::Input;

fn typed(input: &Input) -> Option<String> {
    let text = input.value().trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn words(input: &Input) -> Vec<String> {
    let words = input.value().split([' ', ',']);
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// What was typed.
pub(super) fn fields(what: Installable, texts: &Texts) -> Result<Chosen, Problem> {
    let usual = usual(what);
    Ok(match what {
        Installable::AutoSign => {
            let uploaders = words(&texts.uploaders);
            let odd = uploaders
                .iter()
                .find(|word| Fingerprint::parse(word).is_none());
            if let Some(odd) = odd {
                return Err(Problem::say(Notice::new(
                    format!("\"{}\" is no fingerprint of a key", visible(odd)),
                    "write it as screen 4 shows it: SHA256:…",
                )));
            }
            Chosen {
                names: words(&texts.signs),
                never: words(&texts.never),
                uploaders,
                ..usual
            }
        }
        Installable::PolicyTimer => Chosen {
            when: typed(&texts.when).or(usual.when),
            program: typed(&texts.program).or(usual.program),
            ..Chosen::default()
        },
        Installable::Lease => {
            let days = typed(&texts.days).map(|text| days(&text)).transpose()?;
            Chosen {
                days: days.or(usual.days),
                ..Chosen::default()
            }
        }
        Installable::Knock => usual,
    })
}

/// A number of days, as the command line takes it.
fn days(text: &str) -> Result<u32, Problem> {
    let number = text.strip_suffix('d').unwrap_or(text).trim();
    let days = number.parse::<u32>().ok();
    days.filter(|days| (1..=3650).contains(days))
        .ok_or_else(|| {
            Problem::say(format!(
                "\"{}\" is no number of days; write 1 to 3650",
                visible(text)
            ))
        })
}

/// Writes what is chosen on the server into the texts.
pub fn set(texts: &mut Texts, chosen: &Chosen) {
    let line = |words: &[String]| Input::new(visible(&words.join(" ")).into_owned());
    let text = |text: &Option<String>| Input::new(text.clone().unwrap_or_default());
    texts.signs = line(&chosen.names);
    texts.never = line(&chosen.never);
    texts.uploaders = line(&chosen.uploaders);
    texts.when = text(&chosen.when);
    texts.program = text(&chosen.program);
    texts.days = text(&chosen.days.map(|days| days.to_string()));
}

/// What a field says while it is empty, and what changes it.
fn field(field: Field, label: &'static str, usual: &str, act: Act, keymap: &Keymap) -> Below {
    let empty = format!("{usual}; {} writes another", keymap.names(act));
    Below::Text(field, label, empty)
}

/// What can be typed and chosen, from top to bottom; nothing for another change.
pub(super) fn below(change: &ChangeKind, keymap: &Keymap, theme: &Theme) -> Vec<Below> {
    let (what, removes) = match change {
        ChangeKind::Install(what) => (*what, false),
        ChangeKind::Remove(what) => (*what, true),
        _ => return vec![],
    };
    let does = if removes {
        "install  [remove]"
    } else {
        "[install]  remove"
    };
    let does = format!("{does}; {} changes it", keymap.names(Act::PlanRemove));
    let mut rows = vec![Below::Choice(Row::new("does", does, theme.text))];
    let usual = usual(what);
    match what {
        _ if removes => {}
        Installable::AutoSign => {
            let signs = format!(
                "{} writes names, such as ledger-*",
                keymap.names(Act::PlanName)
            );
            rows.push(Below::Text(Field::Signs, "signs", signs));
            rows.push(field(Field::Never, "never", "none", Act::PlanNever, keymap));
            rows.push(field(
                Field::Uploaders,
                "uploaders",
                "whoever uploads",
                Act::PlanUploaders,
                keymap,
            ));
        }
        Installable::PolicyTimer => {
            let when = usual.when.unwrap_or_default();
            rows.push(field(Field::When, "when", &when, Act::PlanExpiry, keymap));
            let program = usual.program.unwrap_or_default();
            rows.push(field(
                Field::Program,
                "program",
                &program,
                Act::PlanProgram,
                keymap,
            ));
        }
        Installable::Lease => {
            let days = usual.days.map_or_else(String::new, |days| days.to_string());
            rows.push(field(Field::Days, "days", &days, Act::PlanExpiry, keymap));
        }
        Installable::Knock => {}
    }
    rows
}
