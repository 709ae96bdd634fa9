//! What plans of pins and roots say, and when there is none.

use super::*;
use crate::change::testing::{NOW, info, inventory, path};

const STATE: &str = "/nix/var/nix";
const PINS: &str = "/nix/var/nix/gcroots/storekeeper";

fn about() -> About {
    About {
        server: "prod".into(),
        address: "root@cache".into(),
        by: "root via ada@laptop".into(),
    }
}

fn now() -> When {
    When::from_unix(NOW)
}

/// `app` needs `lib`, `lib` needs `base`; `tool` needs `base`.
fn store() -> Inventory {
    inventory(&[
        info("base", &[], 100),
        info("lib", &["base"], 90),
        info("app", &["lib"], 80),
        info("tool", &["base"], 70),
    ])
}

fn root(link: &str, name: &str) -> Root {
    Root::new(link.into(), path(name), STATE, PINS)
}

fn kept<'a>(inventory: &'a Inventory, roots: &'a [Root], keep: &'a Keep<'a>) -> Kept<'a> {
    Kept {
        inventory,
        roots,
        keep,
    }
}

fn a_pin(name: &str, target: &str) -> Pin {
    Pin {
        name: name.parse().unwrap(),
        target: path(target),
        by: None,
        reason: None,
        at: When::from_unix(1),
        expires: None,
        sha256: None,
    }
}

fn pin_with(pins: &[Pin], paths: &[&str], request: &PinRequest) -> Result<Plan, KeepError> {
    let paths: Vec<StorePath> = paths.iter().map(|name| path(name)).collect();
    pin(&about(), &store(), pins, PINS, &paths, request, now())
}

#[test]
fn a_pin_says_what_it_keeps() {
    let request = PinRequest {
        name: Some("release".parse().unwrap()),
        reason: Some("v1".into()),
        expires: Some(When::from_unix(NOW + 86_400)),
    };
    let plan = pin_with(&[], &["app"], &request).unwrap();
    assert_eq!((plan.change, plan.danger), ("pin", Danger::Adds));
    assert!(plan.summary.starts_with("pin ") && plan.summary.contains(" as release until 20"));
    let keeps = plan.lines.iter().find(|line| line.0 == "keeps").unwrap();
    assert!(keeps.1.starts_with("3 paths, 2.9 KiB"), "{keeps:?}");
    assert_eq!(
        plan.commands,
        [format!("ln -s {} {PINS}/release", path("app"))]
    );
    let Operation::Keep(steps) = &plan.operation else {
        panic!()
    };
    let [KeepStep::Pin { pin, .. }] = steps.as_slice() else {
        panic!()
    };
    assert_eq!(pin.by.as_deref(), Some("root via ada@laptop"));
    assert_eq!((pin.at, pin.expires), (now(), request.expires));
}

#[test]
fn names_are_made_and_not_taken_twice() {
    let plan = pin_with(
        &[a_pin("app", "tool")],
        &["app", "tool"],
        &PinRequest::default(),
    )
    .unwrap();
    assert_eq!(plan.items.len(), 2);
    let Item::Pin { pin, .. } = &plan.items[0] else {
        panic!()
    };
    assert!(pin.as_str().starts_with("app-"), "{pin}");
    let request = PinRequest {
        name: Some("x".parse().unwrap()),
        ..PinRequest::default()
    };
    let taken = pin_with(&[a_pin("x", "tool")], &["app"], &request).unwrap_err();
    assert!(
        taken.to_string().contains(&path("tool").to_string()),
        "{taken}"
    );
}

#[test]
fn no_pin_for_what_is_not_there_or_is_pinned_or_over() {
    let gone = pin_with(&[], &["gone"], &PinRequest::default());
    assert_eq!(gone, Err(KeepError::NotValid(path("gone"))));
    let again = pin_with(&[a_pin("app", "app")], &["app"], &PinRequest::default());
    assert!(matches!(again, Err(KeepError::Nothing(_))));
    // Another note is something to do.
    let with_reason = PinRequest {
        reason: Some("n".into()),
        ..PinRequest::default()
    };
    assert!(pin_with(&[a_pin("app", "app")], &["app"], &with_reason).is_ok());
    let over = PinRequest {
        expires: Some(now()),
        ..PinRequest::default()
    };
    assert!(matches!(
        pin_with(&[], &["app"], &over),
        Err(KeepError::Refused(_))
    ));
}

#[test]
fn unpinning_says_what_becomes_dead() {
    let inventory = store();
    let keep = Keep::default();
    let pins = [a_pin("a", "app"), a_pin("l", "lib"), a_pin("t", "tool")];
    let roots: Vec<Root> = pins
        .iter()
        .map(|pin| root(&format!("{PINS}/{}", pin.name), pin.target.name()))
        .collect();
    let of = |names: &[&str]| {
        let names: Vec<PinName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let plan = unpin(
            &about(),
            kept(&inventory, &roots, &keep),
            &pins,
            PINS,
            &names,
        )
        .unwrap();
        assert_eq!(plan.danger, Danger::Destroys { word: "unpin" });
        let effect = plan.lines.iter().find(|line| line.0 == "effect").unwrap();
        effect.1.clone()
    };
    assert!(
        of(&["a"]).starts_with("1 path, 1000 B, becomes dead"),
        "{}",
        of(&["a"])
    );
    assert!(of(&["l"]).starts_with("nothing becomes dead"));
    // Together more than the sum of each alone.
    assert!(of(&["a", "l"]).starts_with("2 paths, 2.0 KiB, become dead"));
    assert!(of(&["a", "l", "t"]).starts_with("4 paths"));
    let none = unpin(&about(), kept(&inventory, &roots, &keep), &pins, PINS, &[]);
    assert!(matches!(none, Err(KeepError::Nothing(_))));
    let other = ["b".parse().unwrap()];
    let none = unpin(
        &about(),
        kept(&inventory, &roots, &keep),
        &pins,
        PINS,
        &other,
    );
    assert_eq!(none, Err(KeepError::NoPin("b".into())));
}

#[test]
fn which_roots_may_go() {
    let inventory = store();
    let keep = Keep::default();
    let links = [
        "/nix/var/nix/profiles/system-1-link",
        "/nix/var/nix/profiles/system-2-link",
        "/nix/var/nix/profiles/system-3-link",
        "/nix/var/nix/profiles/default",
        "/nix/var/nix/gcroots/current-system",
        "/home/ada/result",
        "/nix/var/nix/gcroots/storekeeper/p",
        "{temp:5}",
        "{censored}",
        "/proc/5/exe",
        "what",
    ];
    let roots: Vec<Root> = links.iter().map(|link| root(link, "app")).collect();
    let generations: Vec<Generation> = roots[..2]
        .iter()
        .map(|root| Generation {
            root: root.clone(),
            at: now(),
            current: root.link.contains("-2-"),
        })
        .collect();
    let pins = [a_pin("p", "app")];
    let of = |link: &str| {
        let kept = kept(&inventory, &roots, &keep);
        remove(&about(), kept, &pins, PINS, &generations, link)
    };
    let plan = of(links[0]).unwrap();
    assert_eq!((plan.change, plan.danger), ("remove-root", REMOVE));
    assert_eq!(
        plan.commands,
        ["nix-env -p /nix/var/nix/profiles/system --delete-generations 1"]
    );
    let indirect = of("/home/ada/result").unwrap();
    assert!(indirect.warnings[0].contains("own link stays"));
    assert_eq!(of(links[6]).unwrap().change, "unpin");
    for (link, why) in [
        (links[1], "current generation"),
        (links[2], "not known whether"),
        (links[3], "profile itself"),
        (links[4], "by hand"),
        ("{temp:5}", "connection"),
        ("{censored}", "log in as root"),
        ("/proc/5/exe", "process"),
        ("what", "does not know such roots"),
    ] {
        let Err(said @ KeepError::Refused(_)) = of(link) else {
            panic!("{link}")
        };
        let said = said.to_string();
        assert!(said.contains(link) && said.contains(why), "{said}");
    }
    assert!(matches!(of("/nowhere"), Err(KeepError::NoRoot(_))));
}
