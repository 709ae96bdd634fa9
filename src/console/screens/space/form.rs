//! The planner's form: six short texts, and the rules that they say.
//!
//! In: keys, or a text for one field. Out: [`Rules`], as of the last time that all fields could be read. Each change can
//! be taken back until the form is left.

use crate::console::types::key::Key;
use crate::console::widgets::input;
use crate::domain::{Age, Bytes, Threshold};
use crate::judge::collect::Rules;
use tui_input::Input;

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Stop when so much is free.
    Until,
    /// Take at least so much.
    Take,
    /// Never take more.
    Most,
    /// Only what was not used for so long.
    Older,
    /// Keep so many of each name.
    Newest,
    /// Keep what came in so recently.
    Grace,
}

impl Field {
    /// In the order of the form.
    pub const ALL: [Self; 6] = [
        Self::Until,
        Self::Take,
        Self::Most,
        Self::Older,
        Self::Newest,
        Self::Grace,
    ];

    /// Before the value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Until => "until free",
            Self::Take => "take",
            Self::Most => "at most",
            Self::Older => "older",
            Self::Newest => "newest",
            Self::Grace => "grace",
        }
    }

    /// The word of the palette.
    pub const fn command(self) -> &'static str {
        match self {
            Self::Until => "until",
            Self::Take => "take",
            Self::Most => "at-most",
            Self::Older => "older",
            Self::Newest => "newest",
            Self::Grace => "grace",
        }
    }

    /// What it means and what can be typed, one line.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Until => {
                "stop when so much of the file system is free: 20% or 50G; empty for no such target"
            }
            Self::Take => "take at least so much: 100G; empty for no such target",
            Self::Most => "never take more than so much: 100G; empty for no limit",
            Self::Older => "only what was not used for so long: 30d; empty for any",
            Self::Newest => "keep the newest so many of each name: 3; empty for none",
            Self::Grace => "keep what was uploaded this recently: 24h; empty for no limit",
        }
    }

    const fn place(self) -> usize {
        self as usize
    }
}

/// The goal, before anyone has said: a fifth of the disk free.
const GOAL: &str = "20%";

/// What the fields say before anyone has: the goal, and the rules that hold by default everywhere.
fn usual() -> [String; 6] {
    let rules = Rules::default();
    Field::ALL.map(|field| match field {
        Field::Until => GOAL.to_owned(),
        Field::Take | Field::Most | Field::Older => String::new(),
        Field::Newest => rules.keep_newest.to_string(),
        Field::Grace => rules.grace.to_string(),
    })
}

#[derive(Debug, Clone)]
pub struct Form {
    inputs: [Input; 6],
    /// The field that keys type into.
    pub focus: Option<Field>,
    /// The field that was left last, which the next edit begins with.
    last: Field,
    /// What the fields said when the form was entered.
    before: [String; 6],
    /// What the fields say, but for one that cannot be read.
    pub rules: Rules,
    /// The field that cannot be read, and why.
    pub problem: Option<(Field, String)>,
}

impl Default for Form {
    fn default() -> Self {
        let mut form = Self {
            inputs: usual().map(Input::new),
            focus: None,
            last: Field::Until,
            before: usual(),
            rules: Rules::default(),
            problem: None,
        };
        form.read();
        form
    }
}

impl Form {
    /// What stands in a field.
    pub fn input(&self, field: Field) -> &Input {
        &self.inputs[field.place()]
    }

    /// Begins to edit.
    pub fn enter(&mut self) {
        self.before = std::array::from_fn(|at| self.inputs[at].value().to_owned());
        self.focus = Some(self.last);
    }

    /// Ends it; without `keep`, as if it had not begun.
    pub fn leave(&mut self, keep: bool) {
        if !keep {
            for (input, text) in self.inputs.iter_mut().zip(&self.before) {
                *input = Input::new(text.clone());
            }
            self.read();
        }
        if let Some(field) = self.focus.take() {
            self.last = field;
        }
    }

    /// Goes to the field so many places on.
    pub fn turn(&mut self, by: usize) {
        if let Some(field) = self.focus {
            self.focus = Some(Field::ALL[(field.place() + by) % Field::ALL.len()]);
        }
    }

    /// Edits the field in focus.
    pub fn edit(&mut self, key: Key) {
        if let Some(field) = self.focus {
            input::edit(&mut self.inputs[field.place()], key);
            self.read();
        }
    }

    /// Types a pasted text.
    pub fn paste(&mut self, text: &str) {
        if let Some(field) = self.focus {
            input::paste(&mut self.inputs[field.place()], text.trim());
            self.read();
        }
    }

    /// Writes a field.
    pub fn write(&mut self, field: Field, text: &str) {
        self.inputs[field.place()] = Input::new(text.to_owned());
        self.read();
    }

    /// Reads all fields. One that cannot be read leaves the rules as they were.
    fn read(&mut self) {
        let mut rules = Rules::default();
        self.problem = None;
        for field in Field::ALL {
            if let Err(why) = read(&mut rules, field, self.input(field).value()) {
                self.problem = Some((field, why));
                return;
            }
        }
        self.rules = rules;
    }
}

fn read(rules: &mut Rules, field: Field, text: &str) -> Result<(), String> {
    let text = text.trim();
    let text = match text {
        "-" | "none" => "",
        text => text,
    };
    let set = (!text.is_empty()).then_some(text);
    let bytes = |set: Option<&str>| set.map(str::parse::<Bytes>).transpose();
    match field {
        Field::Until => {
            let floor = |text: &str| {
                let text = text.strip_suffix("free").unwrap_or(text);
                Threshold::parse(text)
            };
            rules.until_free = set.map(floor).transpose()?;
        }
        Field::Take => rules.reclaim = bytes(set)?,
        Field::Most => rules.max = bytes(set)?,
        Field::Older => rules.older_than = set.map(str::parse::<Age>).transpose()?,
        Field::Newest => {
            let number = set.map_or(Ok(0), str::parse::<usize>);
            rules.keep_newest =
                number.map_err(|_| format!("{text:?} is no number; write 3, or nothing"))?;
        }
        Field::Grace => rules.grace = set.map_or(Ok(Age(0)), str::parse::<Age>)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(form: &mut Form, text: &str) {
        for c in text.chars() {
            form.edit(Key::char(c));
        }
    }

    #[test]
    fn what_is_typed_becomes_rules() {
        let mut form = Form::default();
        assert_eq!(form.rules.until_free, Some(Threshold::Percent(20.0)));
        assert_eq!((form.rules.keep_newest, form.rules.grace), (3, Age(86_400)));
        form.enter();
        form.edit("ctrl-u".parse().unwrap());
        assert_eq!(form.rules.until_free, None);
        typed(&mut form, "50G");
        assert_eq!(
            form.rules.until_free,
            Some(Threshold::Size(Bytes(50 << 30)))
        );
        form.turn(3);
        typed(&mut form, "30d");
        assert_eq!(form.rules.older_than, Some(Age(30 * 86_400)));
        // What cannot be read changes nothing, and says so.
        form.turn(1);
        typed(&mut form, "x");
        assert_eq!(form.rules.keep_newest, 3);
        assert!(form.problem.as_ref().unwrap().1.contains("3x"));
        form.leave(false);
        assert_eq!(form.rules, Form::default().rules);
        assert_eq!(form.problem, None);
    }

    #[test]
    fn nothing_means_none() {
        for (field, text) in [
            (Field::Until, "-"),
            (Field::Take, ""),
            (Field::Newest, ""),
            (Field::Grace, "none"),
        ] {
            let mut form = Form::default();
            form.write(field, text);
            assert_eq!(form.problem, None, "{field:?}");
        }
        let mut form = Form::default();
        form.write(Field::Grace, "");
        assert_eq!(form.rules.grace, Age(0));
        form.write(Field::Grace, "0");
        assert_eq!((form.rules.grace, &form.problem), (Age(0), &None));
        form.write(Field::Until, "20");
        assert!(form.problem.as_ref().unwrap().1.contains("20% or 20G"));
        form.write(Field::Until, "20% free");
        assert_eq!(form.rules.until_free, Some(Threshold::Percent(20.0)));
    }

    proptest! {
        #[test]
        fn never_panics(texts in proptest::collection::vec(".{0,12}", 6), turns in 0usize..9) {
            let mut form = Form::default();
            form.enter();
            for text in &texts {
                typed(&mut form, text);
                form.paste(text);
                form.turn(turns);
            }
            form.leave(turns % 2 == 0);
        }
    }
}
