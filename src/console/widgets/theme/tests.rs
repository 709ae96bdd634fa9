//! Themes as files, what is read of them, and whether their colours can be read.

use super::shade::{luminance, rgb};
use super::*;
use proptest::prelude::*;
use ratatui::layout::Rect;
use std::ffi::OsString;

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
    let themes = Theme::load(Some(folder.path()), Colours::All).unwrap();
    assert_eq!(themes.len(), EMBEDDED.len() + 1);
    assert_eq!(themes[0].text.fg, Some(Color::Red));
    assert_eq!(themes.last().unwrap().name, "mine");
}

#[test]
fn degrading() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
    buffer.set_string(0, 0, "─█…é日x", Style::new().fg(Color::Red).bg(Color::Blue));
    degrade(&mut buffer, Glyphs::Ascii);
    let text: String = buffer
        .content
        .iter()
        .map(ratatui::buffer::Cell::symbol)
        .collect();
    assert_eq!(text, "-#~??? x ");
}

#[test]
fn what_the_environment_says_of_colours() {
    let of = |set: &[(&str, &str)]| {
        Colours::of(|name| {
            let found = set.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| OsString::from(value))
        })
    };
    for terminal in ["linux", "linux-16color", "xterm-16color", "vt220", "cygwin"] {
        assert_eq!(of(&[("TERM", terminal)]), Colours::Sixteen, "{terminal}");
        assert_eq!(
            of(&[("TERM", terminal), ("COLORTERM", "truecolor")]),
            Colours::All
        );
    }
    for terminal in ["xterm", "xterm-256color", "tmux-256color", "screen", "foot"] {
        assert_eq!(of(&[("TERM", terminal)]), Colours::All, "{terminal}");
        let set = [("TERM", terminal), ("NO_COLOR", "1")];
        assert_eq!(of(&set), Colours::None, "{terminal}");
    }
    assert_eq!(of(&[("NO_COLOR", "")]), Colours::All);
}

/// Each theme has styles that the terminal shows; what it shows already stays as it is.
#[test]
fn where_there_are_fewer_colours_a_theme_looks_like_one_that_has_no_more() {
    let all = Theme::embedded();
    let names = |themes: &[Theme]| themes.iter().map(|theme| theme.name.clone()).collect();
    let known: Vec<String> = names(&all);
    for colours in [Colours::None, Colours::Sixteen, Colours::All] {
        let themes = Theme::load(None, colours).unwrap();
        let here: Vec<String> = names(&themes);
        assert_eq!(here, known);
        for (theme, own) in themes.iter().zip(&all) {
            for colour in theme
                .styles()
                .into_iter()
                .flat_map(|style| [style.fg, style.bg])
            {
                let sent = match colour {
                    None => true,
                    Some(Color::Rgb(..) | Color::Indexed(16..)) => colours == Colours::All,
                    Some(_) => colours != Colours::None,
                };
                assert!(sent, "{colours:?} {}: {colour:?}", theme.name);
            }
            assert_eq!(
                theme.styles() == own.styles(),
                theme.about == own.about,
                "{colours:?} {}: {}",
                theme.name,
                theme.about
            );
        }
    }
    let at = |colours, name| {
        let themes = Theme::load(None, colours).unwrap();
        themes[Theme::position(&themes, name).unwrap()]
            .about
            .clone()
    };
    assert_eq!(
        at(Colours::Sixteen, "plum"),
        "looks like dark: 16 colours here"
    );
    assert_eq!(
        at(Colours::Sixteen, "paper"),
        "looks like high-contrast-light: 16 colours here"
    );
    assert_eq!(at(Colours::Sixteen, "blue"), "16 colours, white on blue");
    assert_eq!(at(Colours::None, "blue"), "looks like mono: NO_COLOR");
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

/// The contrast of letters in this style, over the style of plain text, on the background that the theme is made for: from 1 to 21.
fn contrast(theme: &Theme, style: Style) -> f64 {
    let style = theme.text.patch(style);
    let under = ground(&theme.name);
    let own = if under == Color::White {
        Color::Black
    } else {
        Color::Gray
    };
    let known = |colour: Option<Color>, own| colour.and_then(rgb).or(rgb(own)).unwrap();
    let mut letters = known(style.fg, own);
    let mut ground = known(style.bg, under);
    if style.add_modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut letters, &mut ground);
    }
    if style.add_modifier.contains(Modifier::DIM) {
        // Terminals draw it at about two thirds of the way from the background to the letters.
        for (letter, ground) in letters.iter_mut().zip(ground) {
            *letter = ((u16::from(*letter) * 2 + u16::from(ground)) / 3) as u8;
        }
    }
    shade::contrast(letters, ground)
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
        luminance(rgb(own).unwrap()) > 0.5
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
