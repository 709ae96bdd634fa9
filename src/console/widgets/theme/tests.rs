//! Themes as files, what is read of them, and whether their colours can be read.

use super::*;
use proptest::prelude::*;
use ratatui::layout::Rect;

#[test]
fn embedded_themes_are_whole() {
    let themes = Theme::embedded();
    assert_eq!(themes.len(), EMBEDDED.len());
    for (name, text) in EMBEDDED {
        let table: BTreeMap<String, String> = toml::from_str(text).unwrap();
        let roles: Vec<&str> = table.keys().map(String::as_str).collect();
        let mut known = Theme::ROLES.to_vec();
        known.push("about");
        known.sort_unstable();
        assert_eq!(roles, known, "{name} sets each role");
    }
}

#[test]
fn mono_has_no_colour() {
    let themes = Theme::embedded();
    let mono = &themes[Theme::position(&themes, "mono").unwrap()];
    let text = format!("{mono:?}");
    assert!(
        !text.contains("fg:") || !text.contains("Some(Color"),
        "{text}"
    );
    for style in [
        mono.text,
        mono.critical,
        mono.selected,
        mono.gauge,
        mono.toast,
    ] {
        assert_eq!((style.fg, style.bg), (None, None));
    }
}

#[test]
fn styles() {
    assert_eq!(
        parse_style("bold red on 17"),
        Ok(Style::new()
            .fg(Color::Red)
            .bg(Color::Indexed(17))
            .add_modifier(Modifier::BOLD))
    );
    assert_eq!(
        parse_style("#0a0B0c").unwrap().fg,
        Some(Color::Rgb(10, 11, 12))
    );
    assert!(parse_style("blu").unwrap_err().contains("blu"));
}

#[test]
fn errors_name_the_place() {
    let error = Theme::parse("mine", "selektd = \"red\"").unwrap_err();
    assert!(error.to_string().contains("mine"), "{error}");
    assert!(error.to_string().contains("selektd"), "{error}");
    let themes = Theme::embedded();
    let error = Theme::position(&themes, "drak").unwrap_err();
    assert!(error.to_string().contains("dark, light"), "{error}");
}

#[test]
fn a_folder_adds_and_replaces() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.toml"), "text = \"green\"").unwrap();
    std::fs::write(folder.path().join("dark.toml"), "text = \"red\"").unwrap();
    let themes = Theme::load(Some(folder.path())).unwrap();
    assert_eq!(themes.len(), EMBEDDED.len() + 1);
    assert_eq!(themes[0].text.fg, Some(Color::Red));
    assert_eq!(themes.last().unwrap().name, "mine");
}

#[test]
fn degrading() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
    buffer.set_string(0, 0, "─█…é日x", Style::new().fg(Color::Red).bg(Color::Blue));
    degrade(
        &mut buffer,
        Abilities {
            no_colour: true,
            ascii: true,
        },
    );
    let text: String = buffer
        .content
        .iter()
        .map(ratatui::buffer::Cell::symbol)
        .collect();
    assert_eq!(text, "-#~??? x ");
    assert!(
        buffer
            .content
            .iter()
            .all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset)
    );
}

proptest! {
    #[test]
    fn never_panics(text in ".{0,60}") {
        let _ = Theme::parse("x", &text);
        let _ = parse_style(&text);
    }
}

/// What a theme that leaves the terminal's background alone is made for; xterm's own black or white.
fn ground(theme: &str) -> Color {
    match theme {
        "light" => Color::White,
        _ => Color::Black,
    }
}

/// The sixteen named colours as xterm shows them.
const NAMED: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

/// Red, green and blue of a colour. The 16 are xterm's defaults and the other 240 its cube and its greys, as xterm's `XTerm-col.ad`
/// and `256colres.h` have them; other terminals differ a little.
fn rgb(colour: Color) -> [u8; 3] {
    let index = match colour {
        Color::Rgb(r, g, b) => return [r, g, b],
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        Color::Reset => panic!("a colour that nobody knows"),
    };
    match index {
        0..16 => NAMED[usize::from(index)],
        16..232 => {
            let step = |value: u8| if value == 0 { 0 } else { 55 + 40 * value };
            let cube = index - 16;
            [step(cube / 36), step(cube / 6 % 6), step(cube % 6)]
        }
        232.. => [8 + 10 * (index - 232); 3],
    }
}

/// Relative luminance, as WCAG 2.1 defines it.
fn luminance(colour: [u8; 3]) -> f64 {
    let linear = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

/// The contrast of letters in this style, over the style of plain text, on the background that the theme is made for: from 1 to 21.
fn contrast(theme: &Theme, style: Style) -> f64 {
    let style = theme.text.patch(style);
    let known = |colour: Option<Color>| colour.filter(|colour| *colour != Color::Reset);
    let under = ground(&theme.name);
    let own = if under == Color::White {
        Color::Black
    } else {
        Color::Gray
    };
    let mut letters = rgb(known(style.fg).unwrap_or(own));
    let mut ground = rgb(known(style.bg).unwrap_or(under));
    if style.add_modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut letters, &mut ground);
    }
    if style.add_modifier.contains(Modifier::DIM) {
        // Terminals draw it at about two thirds of the way from the background to the letters.
        for (letter, ground) in letters.iter_mut().zip(ground) {
            *letter = ((u16::from(*letter) * 2 + u16::from(ground)) / 3) as u8;
        }
    }
    let (one, other) = (luminance(letters), luminance(ground));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn contrast_is_that_of_the_standard() {
    let theme = Theme::plain("dark");
    let of = |text: &str| contrast(&theme, parse_style(text).unwrap());
    assert!((of("#ffffff on #000000") - 21.0).abs() < 0.001);
    assert!((of("#777777 on #ffffff") - 4.48).abs() < 0.005);
    assert!((of("bright-white on blue") - 9.40).abs() < 0.005);
    assert!(of("red") < 4.5 && of("reverse") > 4.5);
}

/// 4.5 to 1 is what WCAG asks of text. The rule under the header is no text: it is to be seen, and nothing is read from it.
#[test]
fn every_text_can_be_read_in_every_theme() {
    let colours = [
        Colour::Red,
        Colour::Yellow,
        Colour::Green,
        Colour::Cyan,
        Colour::Blue,
        Colour::Magenta,
    ];
    let mut poor = Vec::new();
    for mut theme in Theme::embedded() {
        for role in Theme::ROLES {
            let least = if *role == "rule" { 1.5 } else { 4.5 };
            let style = *theme.role(role).unwrap();
            let found = contrast(&theme, style);
            if found < least {
                poor.push(format!("{} {role}: {found:.2}", theme.name));
            }
        }
        for name in [theme.title, theme.text, theme.selected] {
            for colour in colours {
                let found = contrast(&theme, theme.on_colour(name, Some(colour)));
                if found < 4.5 {
                    poor.push(format!("{} name on {colour:?}: {found:.2}", theme.name));
                }
            }
        }
    }
    assert!(poor.is_empty(), "{}", poor.join("\n"));
}

#[test]
fn there_are_light_themes_and_such_of_16_colours() {
    let themes = Theme::embedded();
    assert!(themes.len() >= 8);
    let light = themes.iter().filter(|theme| {
        let own = theme.text.bg.unwrap_or(ground(&theme.name));
        luminance(rgb(own)) > 0.5
    });
    assert!(light.count() >= 3);
    let only_named = themes.into_iter().filter_map(|mut theme| {
        let wide =
            |colour: Option<Color>| matches!(colour, Some(Color::Rgb(..) | Color::Indexed(16..)));
        let mut all = Theme::ROLES.iter().map(|role| *theme.role(role).unwrap());
        (!all.any(|style| wide(style.fg) || wide(style.bg))).then_some(())
    });
    assert!(only_named.count() >= 5);
}
