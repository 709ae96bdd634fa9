//! The name of a package, without its version.
//!
//! In: the name of a path and, where it is known, of its derivation. Out: what its versions have in common.

/// The name of a package as Nix takes it apart (`DrvName` in `names.cc`): all up to the first dash that no letter follows.
/// The output of a package is a name of its own, so `hello-2.12-doc` is `hello` and `doc`; the main output has none.
///
/// `derivation` is the name of the derivation that it was built by, with `.drv`: what the path's name has more than it is
/// the output. Without, the last part of the version is taken for an output if it is of lower-case letters only.
pub fn package<'a>(name: &'a str, derivation: Option<&str>) -> (&'a str, &'a str) {
    let built = derivation.and_then(|derivation| {
        let rest = name.strip_prefix(derivation.strip_suffix(".drv")?)?;
        match rest.strip_prefix('-') {
            Some(output) => Some(output),
            None => rest.is_empty().then_some(rest),
        }
    });
    let whole = match built {
        Some(output) if !output.is_empty() => &name[..name.len() - output.len() - 1],
        _ => name,
    };
    let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphabetic);
    let bytes = whole.as_bytes();
    let version = (0..bytes.len()).find(|at| bytes[*at] == b'-' && !letter(bytes.get(at + 1)));
    let (name, version) = match version {
        Some(at) => (&whole[..at], &whole[at + 1..]),
        None => (whole, ""),
    };
    if let Some(output) = built {
        return (name, output);
    }
    let output = version.rsplit_once('-').map_or("", |(_, last)| last);
    let plain = output.bytes().all(|b| b.is_ascii_lowercase());
    (name, if plain { output } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_without_versions() {
        for (name, expected) in [
            ("hello-2.12", ("hello", "")),
            ("hello-2.12-doc", ("hello", "doc")),
            ("hello", ("hello", "")),
            ("python3.11-requests-2.31.0", ("python3.11-requests", "")),
            (
                "python3.11-requests-2.31.0-dist",
                ("python3.11-requests", "dist"),
            ),
            ("glibc-2.38-44", ("glibc", "")),
            ("glibc-2.38-44-bin", ("glibc", "bin")),
            ("foo-unstable-2024-01-01", ("foo-unstable", "")),
            ("foo-0-unstable-2024-01-01", ("foo", "")),
            ("foo-1.0-12-gabc1234", ("foo", "")),
            ("foo-1.0-rc1", ("foo", "")),
            ("nixos-system-web-23.11.2024", ("nixos-system-web", "")),
            ("unit-nginx.service", ("unit-nginx.service", "")),
            ("source", ("source", "")),
            ("x-", ("x", "")),
            ("-1", ("", "")),
        ] {
            assert_eq!(package(name, None), expected, "{name}");
        }
    }

    #[test]
    fn a_derivation_tells_the_output() {
        for (name, derivation, expected) in [
            ("foo-1.0-beta", "foo-1.0-beta.drv", ("foo", "")),
            ("foo-1.0-lib32", "foo-1.0.drv", ("foo", "lib32")),
            ("foo-1.0", "foo-1.0.drv", ("foo", "")),
            ("foo-doc", "foo.drv", ("foo", "doc")),
            // Not of this derivation by its name: as if none were known.
            ("foo-1.0-doc", "bar-1.0.drv", ("foo", "doc")),
            ("foo-1.0-doc", "foo-1.drv", ("foo", "doc")),
            ("foo-1.0-doc", "nonsense", ("foo", "doc")),
        ] {
            assert_eq!(package(name, Some(derivation)), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(name in "[a-z0-9.-]{0,20}", derivation in "[a-z0-9.-]{0,8}(\\.drv)?") {
            let (package, output) = super::package(&name, Some(&derivation));
            prop_assert!(name.starts_with(package));
            prop_assert!(name.ends_with(output));
        }
    }
}
