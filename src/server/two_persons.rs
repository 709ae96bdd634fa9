//! The two-person rule of a server and the plans that wait for a second administrator, beside the audit log.
//!
//! In: a connected server; a token and a plan. Out: the rule and the plans, each read with limits; what was done. A plan is taken by one
//! job, once: the server renames it under a lock.

use super::error::{ServerError, Why};
use super::pins::changed;
use super::script::{self, Answers};
use super::space::look;
use super::spec::folder_of;
use super::{Inner, LinkChange, PolicyEdit, Server, retention};
use crate::change::token::Token;
use crate::domain::path_info::hex;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::domain::two_persons::{
    FILE, FoundPlan, LARGEST, LARGEST_LIST, Login, PathList, Rule, Seal, TwoPersons, WaitingPlan,
    is_id,
};
use crate::domain::{Explain, When};
use crate::link::{Command, Limits};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Room for a hundred plans, and time.
const LOOK: Limits = Limits {
    output: 48 << 20,
    time: Duration::from_secs(60),
};

/// Room and time for a list of paths.
const LIST: Limits = Limits {
    output: LARGEST_LIST / 3 * 4 + (64 << 10),
    time: Duration::from_secs(600),
};

/// Room and time for a text and a wait for a lock.
const CHANGE: Limits = Limits {
    output: 64 << 10,
    time: Duration::from_secs(90),
};

impl Server {
    /// Who this connection is logged in as.
    pub fn login(&self, by: String) -> Login {
        let key = self.link().used_key();
        Login {
            account: self.facts().user.clone(),
            key: key.as_deref().and_then(Fingerprint::parse),
            by,
        }
    }

    /// The rule, and the plans that wait.
    pub async fn two_persons(&self) -> Result<TwoPersons, ServerError> {
        let folder = folder(&self.inner);
        let command = Command::script(script::PLANS_LOOK).arg(folder);
        let answers = look(&self.inner, command, LOOK).await?;
        let clock = answers.get("clock").and_then(|clock| clock.parse().ok());
        Ok(TwoPersons {
            at: clock.map_or_else(When::now, When::from_unix),
            file: format!("{folder}/{FILE}"),
            rule: rule(&answers),
            shown: answers.get("shown").map(str::to_owned),
            plans: plans(&answers),
            hidden: answers.get("hidden").is_some(),
        })
    }

    /// The list of paths beside a plan.
    pub async fn plan_list(&self, id: &str, seal: &Seal) -> Result<PathList, ServerError> {
        let command = Command::script(script::PLAN_LIST)
            .arg(plans_folder(&self.inner))
            .arg(checked(&self.inner, id)?)
            .arg((LARGEST_LIST + 1).to_string());
        let answers = look(&self.inner, command, LIST).await?;
        let list = answers
            .get("list")
            .and_then(|list| STANDARD.decode(list).ok());
        PathList::parse(&list.unwrap_or_default(), seal)
            .map_err(|why| failed(&self.inner, "read the plan", why.into()))
    }

    /// Writes a plan that waits, and the list of paths that belongs to it.
    pub async fn put_plan(
        &self,
        _: &Token,
        plan: &WaitingPlan,
        list: Option<&PathList>,
    ) -> Result<(), ServerError> {
        let failed = |why| failed(&self.inner, "keep the plan", why);
        let text = plan
            .text()
            .ok_or_else(|| failed("it is too large to wait".into()))?;
        let command = Command::script(script::PLAN_PUT)
            .arg(plans_folder(&self.inner))
            .arg(checked(&self.inner, &plan.id)?)
            .arg(hex(&Sha256::digest(&text)))
            .arg(text.len().to_string())
            .arg(list.map_or_else(String::new, |list| list.seal().sha256))
            .sudo(self.inner.start.sudo);
        let (link, mut bytes) = (&self.inner.link, text.into_bytes());
        bytes.extend(list.map(PathList::bytes).unwrap_or_default());
        let limits = if list.is_some() { LIST } else { CHANGE };
        let output = link.run(&command, &bytes, limits).await?;
        if output.exit.success() {
            return Ok(());
        }
        Err(failed(script::why(&output)))
    }

    /// Takes a plan for the job of this id, if it still is what was shown and its time has not ended.
    pub async fn take_plan(
        &self,
        _: &Token,
        plan: &WaitingPlan,
        sha256: &str,
        job: &str,
    ) -> Result<LinkChange, ServerError> {
        let command = Command::script(script::PLAN_TAKE)
            .arg(plans_folder(&self.inner))
            .arg(checked(&self.inner, &plan.id)?)
            .arg(sha256)
            .arg(plan.until.unix().to_string())
            .arg(checked(&self.inner, job)?)
            .sudo(self.inner.start.sudo);
        let output = self.inner.link.run(&command, b"", CHANGE).await?;
        changed(&output, |why| failed(&self.inner, "take the plan", why))
    }

    /// Removes the file of a plan, if it is what was shown.
    pub async fn drop_plan(
        &self,
        _: &Token,
        file: &str,
        sha256: &str,
    ) -> Result<LinkChange, ServerError> {
        let command = Command::script(script::PLAN_DROP)
            .arg(plans_folder(&self.inner))
            .arg(checked_file(&self.inner, file)?)
            .arg(sha256)
            .sudo(self.inner.start.sudo);
        let output = self.inner.link.run(&command, b"", CHANGE).await?;
        changed(&output, |why| failed(&self.inner, "drop the plan", why))
    }

    /// Writes another rule, if the one that was shown is still there.
    pub async fn put_rule(&self, _: &Token, edit: &PolicyEdit) -> Result<LinkChange, ServerError> {
        let file = format!("{}/{FILE}", folder(&self.inner));
        retention::put(&self.inner, &file, edit, "write the two-person rule").await
    }
}

fn folder(inner: &Inner) -> &str {
    folder_of(&inner.spec.audit_log)
}

fn plans_folder(inner: &Inner) -> String {
    format!("{}/plans", folder(inner))
}

fn failed(inner: &Inner, what: &'static str, why: Why) -> ServerError {
    ServerError::Script {
        place: inner.start.place.clone(),
        what,
        why,
        next: "look at the plans that wait with `plans SERVER list`",
    }
}

/// An id becomes part of a file's name.
fn checked<'a>(inner: &Inner, id: &'a str) -> Result<&'a str, ServerError> {
    if is_id(id) {
        return Ok(id);
    }
    let why = format!("{:?} is no id of a plan", visible(id));
    Err(failed(inner, "find the plan", why.into()))
}

/// The same for the name that a look has found.
fn checked_file<'a>(inner: &Inner, file: &'a str) -> Result<&'a str, ServerError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if !file.starts_with('.') && file.len() <= 100 && file.bytes().all(plain) {
        return Ok(file);
    }
    let why = format!("{:?} is no plan's file", visible(file));
    Err(failed(inner, "find the plan", why.into()))
}

/// The rule of all files together. What can't be read or understood is an error: it is never no rule.
pub(super) fn rule(answers: &Answers) -> Result<Rule, String> {
    let mut all = Rule::default();
    for (name, value) in answers.iter() {
        match name {
            "rule-why" => return Err(visible(value).into_owned()),
            "rule" => {
                let text = STANDARD.decode(value).ok();
                let text = text.and_then(|text| String::from_utf8(text).ok());
                let text = text.ok_or("the two-person rule is no text")?;
                let one = Rule::parse(&text).map_err(|error| error.notice().to_string())?;
                all = all.and(one);
            }
            // What follows is of plans, and nobody's to name a rule.
            "plan" => break,
            _ => {}
        }
    }
    Ok(all)
}

fn plans(answers: &Answers) -> Vec<FoundPlan> {
    let mut found: Vec<FoundPlan> = Vec::new();
    for (name, value) in answers.iter() {
        match (name, found.last_mut()) {
            ("plan", _) => {
                let (id, begun) = match value.split_once(".begun-") {
                    Some((id, _)) => (id, true),
                    None => (value.strip_suffix(".json").unwrap_or(value), false),
                };
                found.push(FoundPlan {
                    id: visible(id).into_owned(),
                    file: value.to_owned(),
                    sha256: String::new(),
                    begun,
                    plan: Err("it can't be read".to_owned()),
                });
            }
            ("sha256", Some(last)) => value.clone_into(&mut last.sha256),
            ("content", Some(last)) => {
                let content = STANDARD.decode(value);
                last.plan = match content {
                    Ok(content) if content.len() > LARGEST => {
                        Err("it is larger than a plan can be".to_owned())
                    }
                    Ok(content) if hex(&Sha256::digest(&content)) == last.sha256 => {
                        WaitingPlan::parse(&last.id, &content)
                    }
                    _ => Err("it can't be read, or was changed at this moment".to_owned()),
                };
            }
            _ => {}
        }
    }
    found.sort_by_key(|plan| {
        plan.plan
            .as_ref()
            .map_or(When::from_unix(0), |plan| plan.at)
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answers(lines: &str) -> Answers {
        Answers::parse(format!("storekeeper-answer\n{lines}end=\n").as_bytes()).unwrap()
    }

    #[test]
    fn two_rules_hold_together_and_one_that_is_not_known_is_not_none() {
        let text = |rule: &str| STANDARD.encode(rule);
        let one = text("changes = [\"access\"]\n");
        let two = text("changes = [\"strip\"]\nvalid = \"1h\"\n");
        let both = rule(&answers(&format!("rule={one}\nrule={two}\n"))).unwrap();
        assert!(both.needs("authorize") && both.needs("strip") && !both.needs("delete"));
        assert_eq!(both.valid.0, 3600);
        assert!(rule(&answers("")).unwrap().groups.is_empty());
        for lines in [
            "rule-why=/x can't be read\n".to_owned(),
            "rule=?\n".to_owned(),
            "rule=\n".to_owned(),
            format!("rule={one}\nrule={}\n", text("changes = [\"x\"]")),
        ] {
            assert!(rule(&answers(&lines)).is_err(), "{lines}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(lines in "(plan=|sha256=|content=|rule=|7f3a0011|.json|.begun-|[0-9a-zA-Z+/=]{1,9}|\n|\\PC){0,20}") {
            let answers = answers(&format!("{lines}\n"));
            let _ = rule(&answers);
            for plan in plans(&answers) {
                prop_assert!(!plan.id.chars().any(char::is_control));
            }
        }
    }
}
