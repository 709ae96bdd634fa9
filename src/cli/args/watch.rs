//! The arguments of `watch`.
//!
//! In: arguments. Out: [`Watch`].

use crate::domain::Age;
use crate::judge::events::EventKind;
use clap::builder::PossibleValue;
use clap::{Args as ClapArgs, ValueEnum};

/// Arguments of `watch`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Watch {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// Only events of these kinds, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    pub(in crate::cli) events: Vec<EventKind>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub(in crate::cli) jsonl: bool,
    /// Run this with `sh -c` for events: on its standard input it gets one JSON object a line. No part of an event ever becomes part of the command.
    #[arg(long, value_name = "CMD")]
    pub(in crate::cli) exec: Option<String>,
    /// Start the command of --exec at most once per this time; events in between are passed on together.
    #[arg(long, value_name = "AGE", default_value = "10s", requires = "exec")]
    pub(in crate::cli) exec_pause: Age,
}

impl ValueEnum for EventKind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()).help(self.meaning()))
    }
}
