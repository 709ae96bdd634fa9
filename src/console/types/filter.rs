//! A filter of the store that has a name.

use crate::inventory::Query;

/// A filter with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// What `:filter` takes for it.
    pub name: String,
    /// What it stands for.
    pub query: String,
    /// What is wrong with it; one sentence.
    pub problem: Option<String>,
}

impl Filter {
    /// A name for a query, which may be wrong.
    pub fn new(name: String, query: String) -> Self {
        let problem = Query::parse(&query).err().map(|error| error.to_string());
        Self {
            name,
            query,
            problem,
        }
    }
}

/// What is wrong with the filters of the configuration, in one line.
pub fn problem(filters: &[Filter]) -> Option<String> {
    let wrong = filters.iter().filter_map(|filter| {
        let problem = filter.problem.as_deref()?;
        Some(format!("filter {:?}: {problem}", filter.name))
    });
    let wrong: Vec<String> = wrong.collect();
    (!wrong.is_empty()).then(|| wrong.join("; "))
}
