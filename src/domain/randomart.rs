//! The picture of a key that `ssh-keygen -lv` prints, which people compare faster than letters.
//!
//! In: a key. Out: eleven lines of nineteen columns. A bishop walks over a board from its middle, two bits of the fingerprint for each
//! step, lowest first; a field shows how often it was on it. Source: OpenSSH's sshkey.c, `fingerprint_randomart`.

use super::ssh_key::PublicSshKey;

/// Columns of the board.
const WIDTH: usize = 17;
/// Rows of the board.
const HEIGHT: usize = 9;
/// What a field shows for the number of visits; the last two are the start and the end.
const SIGNS: &[u8; 17] = b" .o+=*BOX@%&#/^SE";
const START: usize = SIGNS.len() - 2;
const END: usize = SIGNS.len() - 1;

/// The picture, one string for each line.
pub fn randomart(key: &PublicSshKey) -> Vec<String> {
    let mut board = [[0usize; WIDTH]; HEIGHT];
    let (mut x, mut y) = (WIDTH / 2, HEIGHT / 2);
    for byte in key.fingerprint().digest() {
        for step in 0..4 {
            let move_ = byte >> (2 * step);
            x = if move_ & 1 == 0 {
                x.saturating_sub(1)
            } else {
                (x + 1).min(WIDTH - 1)
            };
            y = if move_ & 2 == 0 {
                y.saturating_sub(1)
            } else {
                (y + 1).min(HEIGHT - 1)
            };
            // Fields that were visited often look alike.
            board[y][x] = (board[y][x] + 1).min(START - 1);
        }
    }
    board[HEIGHT / 2][WIDTH / 2] = START;
    board[y][x] = END;

    let title = key
        .bits()
        .map(|bits| format!("[{} {bits}]", key.short_type()))
        .filter(|title| title.len() <= WIDTH)
        .unwrap_or_else(|| format!("[{}]", key.short_type()));
    let mut lines = vec![frame(&title)];
    lines.extend(board.iter().map(|row| {
        let signs = row.iter().map(|visits| char::from(SIGNS[*visits]));
        format!("|{}|", signs.collect::<String>())
    }));
    lines.push(frame("[SHA256]"));
    lines
}

/// A line of the frame, with its title in the middle.
fn frame(title: &str) -> String {
    let left = (WIDTH - title.len().min(WIDTH)) / 2;
    let right = WIDTH.saturating_sub(left + title.len());
    format!("+{}{title}{}+", "-".repeat(left), "-".repeat(right))
}
