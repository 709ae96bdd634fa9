//! A plot of columns.
//!
//! In: values, in a number of columns and rows. Out: lines of text from the top down, in eighths of a row; or one line, for
//! a small one.

/// From an eighth of a row to a whole one.
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One column for each value, the highest one as high as `rows`. What is not nothing shows at least an eighth.
pub fn columns(values: &[u64], rows: usize) -> Vec<String> {
    let most = values.iter().copied().max().unwrap_or(0);
    let heights: Vec<usize> = values
        .iter()
        .map(|value| height(*value, most, rows))
        .collect();
    (0..rows)
        .rev()
        .map(|row| {
            let line = heights.iter().map(|height| {
                match height.saturating_sub(row * 8).min(8).checked_sub(1) {
                    Some(eighth) => EIGHTHS[eighth],
                    None => ' ',
                }
            });
            line.collect()
        })
        .collect()
}

/// In eighths of a row.
fn height(value: u64, most: u64, rows: usize) -> usize {
    let exact = (u128::from(value) * (rows as u128 * 8)).checked_div(u128::from(most));
    let height = exact.and_then(|exact| usize::try_from(exact).ok());
    height.unwrap_or(0).max(usize::from(value > 0))
}

/// The same in one row.
pub fn spark(values: &[u64]) -> String {
    columns(values, 1).pop().unwrap_or_default()
}

/// As many values as there are columns: each is the mean of those that fall into it, or the one that lies nearest.
pub fn squeeze(values: &[u64], columns: usize) -> Vec<u64> {
    if values.is_empty() {
        return Vec::new();
    }
    (0..columns)
        .map(|column| {
            let from = column * values.len() / columns;
            let to = ((column + 1) * values.len() / columns).max(from + 1);
            let part = &values[from..to.min(values.len())];
            let sum: u128 = part.iter().map(|value| u128::from(*value)).sum();
            u64::try_from(sum / part.len().max(1) as u128).unwrap_or(u64::MAX)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shapes() {
        assert_eq!(spark(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(columns(&[8, 16, 1], 2), [" █ ", "██▁"]);
        assert_eq!(columns(&[], 2), ["", ""]);
        assert_eq!(spark(&[0, 0]), "  ");
        assert_eq!(squeeze(&[1, 3, 5, 7], 2), [2, 6]);
        assert_eq!(squeeze(&[1, 9], 4), [1, 1, 9, 9]);
        assert_eq!(squeeze(&[], 4), [0; 0]);
    }

    proptest! {
        #[test]
        fn as_wide_and_high_as_wanted(values in proptest::collection::vec(any::<u64>(), 1..50), rows in 1usize..9, width in 1usize..90) {
            let plot = columns(&squeeze(&values, width), rows);
            prop_assert_eq!(plot.len(), rows);
            for line in plot {
                prop_assert_eq!(line.chars().count(), width);
            }
        }
    }
}
