//! What a list shows, to be written to a file.
//!
//! In: rows of the store, or values. Out: the form that a file's name asks for, and each row as JSON and as fields.

use crate::inventory::{Inventory, Row};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// A list.
#[derive(Debug, Clone)]
pub struct Export {
    /// What it is a list of, in JSON.
    pub name: &'static str,
    /// Its rows, in their order.
    pub rows: Rows,
}

/// The rows of a list.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Store paths, as the command line's `paths --json` has them.
    Paths(Arc<Inventory>, Arc<[Row]>),
    /// Anything else: objects with the same keys.
    Values(Vec<Value>),
}

impl Export {
    /// How many rows it has.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Paths(_, rows) => rows.len(),
            Rows::Values(rows) => rows.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A form of an exported list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One document.
    Json,
    /// A head and a line for each row.
    Csv,
}

impl Form {
    /// What the end of a file's name asks for.
    pub fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// A value in one field: what is unknown is empty, lists have a blank between their elements, and the parts of one element a colon.
pub fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().map(field).collect();
            all.join(" ")
        }
        Value::Object(all) => {
            let all: Vec<String> = all.values().map(field).collect();
            all.join(":")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_as_fields() {
        let value = json!({"signatures": [{"key": "a-1", "verdict": "valid"}, {"key": "b-1", "verdict": "bad"}]});
        assert_eq!(field(&value), "a-1:valid b-1:bad");
        assert_eq!(field(&json!([null, true, 7, "x y"])), " true 7 x y");
    }

    #[test]
    fn forms_by_name() {
        let of = |name: &str| Form::of(Path::new(name));
        assert_eq!(of("a.JSON"), Some(Form::Json));
        assert_eq!(of("/x/a.csv"), Some(Form::Csv));
        for none in ["a", "a.txt", ".csv", ""] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
