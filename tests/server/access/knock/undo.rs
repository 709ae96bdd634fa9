//! Changes taken back on a real server: a denial, an authorization, a revocation.

use super::{House, line};
use crate::help::wait;
use std::fs;
use storekeeper::change::access::{About, authorize, deny, reopen, revoke, submit};
use storekeeper::change::{Outcome, Undo};
use storekeeper::domain::When;
use storekeeper::domain::key_request::{Request, Source};

#[test]
fn a_denial_is_taken_back_and_the_request_waits_as_it_did() {
    let house = House::installed();
    let about = About::of(&house.server);
    house.new_key("ada");
    assert!(!house.lets_in("ada") && !house.lets_in("ada"));
    let [before] = house.waiting().try_into().unwrap();
    let denial = deny(&about, &house.facts(), &before, "who?").unwrap();
    let Some(Undo::Reopen(request)) = Undo::of(&denial) else {
        panic!("nothing is offered");
    };
    assert_eq!(house.carry_out(denial).result, Outcome::Done);
    assert!(house.waiting().is_empty());
    let facts = house.facts();
    let (first, late) = (
        reopen(&about, &facts, &request).unwrap(),
        reopen(&about, &facts, &request).unwrap(),
    );
    let receipt = house.carry_out(first);
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Done, 1),
        "{receipt:?}"
    );
    let [again] = house.waiting().try_into().unwrap();
    assert_eq!(
        (&again.key, again.first_seen, &again.nonce),
        (&before.key, before.first_seen, &before.nonce)
    );
    let denied = house.queue().join("denied").join(before.file_name());
    assert!(!denied.exists());
    // Done once more by the same job over another link, it is done; there is no plan for it any more.
    assert_eq!(house.carry_out(late).result, Outcome::Done);
    assert!(reopen(&about, &house.facts(), &request).is_err());
    // The key asks on, and its request counts on.
    assert!(!house.lets_in("ada"));
    assert_eq!(house.waiting().len(), 1);
}

#[test]
fn a_denial_that_somebody_else_has_changed_is_not_taken_back() {
    let house = House::installed();
    let about = About::of(&house.server);
    let key = house.new_key("bob");
    let asked = Request::new(key.clone(), Source::Paste, "nix-ssh", When::now());
    house.carry_out(submit(&about, &house.facts(), &asked).unwrap());
    let [request] = house.waiting().try_into().unwrap();
    house.carry_out(deny(&about, &house.facts(), &request, "").unwrap());
    let facts = house.facts();
    let late = reopen(&about, &facts, &request).unwrap();
    // Meanwhile it is approved by somebody else.
    let denied = facts.requests.as_ref().unwrap();
    let denied = denied.iter().find(|one| one.key == key).unwrap();
    let approval = super::approve(&about, &facts, denied, &line(&key), None, "").unwrap();
    assert_eq!(house.carry_out(approval).result, Outcome::Done);
    let receipt = house.carry_out(late);
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Failed, 0),
        "{receipt:?}"
    );
    assert!(house.waiting().is_empty() && house.lets_in("bob"));
}

#[test]
fn a_revoked_key_gets_its_own_line_again_and_logs_in() {
    let house = House::installed();
    let about = About::of(&house.server);
    let key = house.new_key("cyd");
    let plan = authorize(&about, &house.facts(), &line(&key), None, None).unwrap();
    assert_eq!(Undo::of(&plan), Some(Undo::Revoke(key.fingerprint())));
    assert_eq!(house.carry_out(plan).result, Outcome::Done);
    assert!(house.lets_in("cyd"));
    let before = fs::read(house.key_file()).unwrap();
    let plan = revoke(
        &about,
        &house.facts(),
        "root",
        key.fingerprint(),
        true,
        None,
    )
    .unwrap();
    let Some(Undo::Authorize { new, file }) = Undo::of(&plan) else {
        panic!("nothing is offered");
    };
    let answer = storekeeper::change::Answer::Word("revoke".to_owned());
    let receipt = wait(crate::help::carry_out(&house.server, plan, &answer, None));
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    assert!(!house.lets_in("cyd"));
    let facts = house.facts();
    let again = authorize(&about, &facts, &new, Some(&file), None).unwrap();
    assert_eq!(house.carry_out(again).result, Outcome::Done);
    assert_eq!(fs::read(house.key_file()).unwrap(), before);
    assert!(house.lets_in("cyd"));
}
